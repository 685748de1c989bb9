import { ConnectError, type Interceptor } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@titan-kv/proto";
import type { Logger } from "pino";
import { ApiError, asApiError } from "./api-error.ts";
import { errorInfoOf, fromConnectError, toConnectError } from "./error-mapping.ts";

/** Services whose errors carry our detail; those of gRPC have their own habits. */
const ownServicePrefix = "titan.";

/**
 * Turns whatever a handler throws into an error for the wire: an `ApiError` by the mapping, an error of the RPC library
 * as it is but with our detail, and anything else, which is a defect, into INTERNAL, with the rest in the log.
 */
export function errorInterceptor(logger: Logger): Interceptor {
  function forWire(thrown: unknown, service: string, method: string): ConnectError {
    if (thrown instanceof ApiError) {
      if (thrown.reason === "INTERNAL") logger.error({ err: thrown, service, method }, "a handler failed");
      return toConnectError(thrown);
    }
    if (thrown instanceof ConnectError) {
      return service.startsWith(ownServicePrefix) ? withDetail(thrown) : thrown;
    }
    logger.error({ err: thrown, service, method }, "a handler threw what is not an API error");
    return toConnectError(asApiError(thrown));
  }

  async function* guarded<T>(messages: AsyncIterable<T>, service: string, method: string): AsyncIterable<T> {
    try {
      yield* messages;
    } catch (thrown) {
      throw forWire(thrown, service, method);
    }
  }

  return (next) => async (request) => {
    const service = request.service.typeName;
    const method = request.method.name;
    try {
      const response = await next(request);
      if (!response.stream) return response;
      return { ...response, message: guarded(response.message, service, method) };
    } catch (thrown) {
      throw forWire(thrown, service, method);
    }
  };
}

/** The library's own errors, such as an expired deadline, say what happened as ours do. */
function withDetail(error: ConnectError): ConnectError {
  if (error.findDetails(ErrorInfoSchema).length > 0) return error;
  const detail = { desc: ErrorInfoSchema, value: errorInfoOf(fromConnectError(error)) };
  return new ConnectError(error.rawMessage, error.code, error.metadata, [detail]);
}
