/** Answers requests for the services: Connect, gRPC and gRPC-Web, over HTTP/1.1 and HTTP/2. */
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  type Interceptor,
} from "@connectrpc/connect";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Logger } from "pino";
import { errorInterceptor } from "./error-interceptor.ts";
import type { PortLimits } from "./port-limits.ts";

/** A request of either HTTP version. */
export type HttpRequest = IncomingMessage | Http2ServerRequest;
/** Its answer. */
export type HttpResponse = ServerResponse | Http2ServerResponse;

/** Answers a request whose path is a method of a service; returns false when it is not. */
export type ConnectHandler = (request: HttpRequest, response: HttpResponse) => boolean;

/** What the handler serves, and how. */
export interface ConnectHandlerOptions {
  /** Registers the services. */
  readonly routes: (router: ConnectRouter) => void;
  /** Applied to every call, the first one outermost. They may throw `ApiError`s, and see those that handlers throw. */
  readonly interceptors: readonly Interceptor[];
  readonly limits: PortLimits;
  /** When it aborts, handlers of streams learn that they should end. */
  readonly shutdownSignal: AbortSignal;
  readonly logger: Logger;
}

/** Smaller answers are sent as they are, in bytes: compressing them costs more time than it saves. */
const compressMinBytes = 32 * 1024;

/** The path of a request without its query. */
export function pathOf(request: HttpRequest): string {
  const url = request.url ?? "";
  const query = url.indexOf("?");
  return query < 0 ? url : url.slice(0, query);
}

/** Sends a short plain answer, if none was begun. */
export function answerPlainly(response: HttpResponse, status: number, text: string): void {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = status;
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.end(`${text}\n`);
}

/** Makes the function that answers all requests for services. */
export function createConnectHandler(options: ConnectHandlerOptions): ConnectHandler {
  const { limits, logger } = options;
  const router = createConnectRouter({
    acceptCompression: [compressionGzip, compressionBrotli],
    compressMinBytes,
    readMaxBytes: limits.maxRequestBytes,
    shutdownSignal: options.shutdownSignal,
    // The first interceptor is the outermost one, and maps what the others throw, too.
    interceptors: [errorInterceptor(logger), ...options.interceptors],
  });
  options.routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  return (request, response) => {
    const handler = handlers.get(pathOf(request));
    if (handler === undefined) return false;
    const kind = handler.method.methodKind;
    if (kind === "unary" || kind === "server_streaming") limitBodyTime(request, limits.requestTimeoutMs);
    let universal;
    try {
      universal = universalRequestFromNodeRequest(request, response, undefined, undefined);
    } catch {
      // Without a usable host the library cannot make a URL of the request, and throws.
      answerPlainly(response, 400, "the request names no host");
      return true;
    }
    handler(universal)
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch((thrown: unknown) => {
        // Aborted: the client went away while it was answered.
        if (ConnectError.from(thrown).code !== Code.Aborted) {
          logger.warn({ err: thrown, method: handler.method.name }, "an answer could not be sent");
        }
        if (!response.writableEnded) response.destroy();
      });
    return true;
  };
}

/**
 * Cuts a request whose body does not arrive in time. HTTP/1.1 has this in Node; in HTTP/2 a stream costs a slow client
 * nothing, so it needs it more.
 */
function limitBodyTime(request: HttpRequest, requestTimeoutMs: number): void {
  if (!("stream" in request) || request.readableEnded) return;
  const timer = setTimeout(() => {
    if (!request.readableEnded) request.stream.close();
  }, requestTimeoutMs);
  timer.unref();
  request.once("end", () => clearTimeout(timer));
  request.once("close", () => clearTimeout(timer));
}
