import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Logger } from "pino";
import { Http2GrpcStream, type OpenGrpcStream } from "./grpc-stream.ts";
import type { PortLimits } from "./port-limits.ts";

const grpcContentType = /^application\/grpc(?:\+proto)?\s*(?:;|$)/i;

/** Which paths are answered as streams of bytes, and the streams that are open. */
export class GrpcStreamRegistry {
  readonly #limits: PortLimits;
  readonly #logger: Logger;
  readonly #openers = new Map<string, OpenGrpcStream>();
  readonly #open = new Set<Http2GrpcStream>();

  constructor(limits: PortLimits, logger: Logger) {
    this.#limits = limits;
    this.#logger = logger;
  }

  register(path: string, open: OpenGrpcStream): void {
    this.#openers.set(path, open);
  }

  /** Serves a stream if it is plain gRPC for a registered path; compressed streams and other protocols are not. */
  take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean {
    const open = this.#openers.get(headers[":path"] ?? "");
    if (open === undefined || headers[":method"] !== "POST") return false;
    if (!grpcContentType.test(headers["content-type"] ?? "")) return false;
    const encoding = headers["grpc-encoding"];
    if (encoding !== undefined && encoding !== "identity") return false;
    // A page in a browser cannot speak gRPC; what claims an origin is left to the code that judges origins.
    if (headers.origin !== undefined) return false;
    const served = new Http2GrpcStream(stream, headers, this.#limits, (error) => {
      this.#logger.error({ err: error, path: headers[":path"] }, "a stream's handler failed");
    });
    this.#open.add(served);
    stream.once("close", () => this.#open.delete(served));
    served.serve(open);
    return true;
  }

  /** Tells the handlers of all open streams that the port is stopping. */
  drain(): void {
    for (const stream of this.#open) stream.drain();
  }
}
