import type { Interceptor } from "@connectrpc/connect";
import { ApiError, type ErrorOutcome } from "./api-error.ts";

/** What a request that a stopping node does not finish ends with. */
export function stoppingError(outcome: ErrorOutcome): ApiError {
  return new ApiError({
    reason: "UNAVAILABLE",
    outcome,
    message: "the node is stopping; use another one",
  });
}

/**
 * Ends streams when the port begins to stop, so that one client that watches does not hold up the node. Calls with one
 * answer are left to finish.
 */
export function drainInterceptor(draining: AbortSignal): Interceptor {
  return (next) => async (request) => {
    const response = await next(request);
    const kind = request.method.methodKind;
    if (!response.stream || kind === "client_streaming") return response;
    // What a server streams are reads; in both directions there may be anything.
    const error = stoppingError(kind === "server_streaming" ? "NOT_APPLIED" : "UNKNOWN");
    return { ...response, message: until(draining, response.message, error) };
  };
}

/** The messages until the signal, then `error`. */
async function* until<T>(signal: AbortSignal, messages: AsyncIterable<T>, error: Error): AsyncIterable<T> {
  const iterator = messages[Symbol.asyncIterator]();
  // Not Promise.race: every race would leave a reaction on the signal's promise for as long as the stream lives.
  let stopWaiting: (() => void) | undefined;
  const onAbort = (): void => stopWaiting?.();
  signal.addEventListener("abort", onAbort);
  try {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- a stream is read one message after the other
      const result = await new Promise<IteratorResult<T>>((resolve, reject) => {
        if (signal.aborted) {
          reject(error);
          return;
        }
        stopWaiting = () => reject(error);
        iterator.next().then(resolve, reject);
      });
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    iterator.return?.().catch(() => undefined);
  }
}
