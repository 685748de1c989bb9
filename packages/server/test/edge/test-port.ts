/** A client port for tests, with a small service behind it. */
import type { ConnectRouter } from "@connectrpc/connect";
import { KvService } from "@titan-kv/proto";
import pino from "pino";
import { ApiError } from "../../src/http/api-error.ts";
import { ClientPort, type ClientPortOptions } from "../../src/http/client-port.ts";
import { livenessPage } from "../../src/http/pages.ts";
import { defaultPortLimits } from "../../src/http/port-limits.ts";

export const silentLogger: pino.Logger = pino({ level: "silent" });

/** What the service of `kvRoutes` needs from its test. */
export interface SlowPut {
  /** A put of the key `slow` is answered when this resolves. */
  readonly gate: Promise<void>;
}

/** Put answers the size of the value; `fail` fails, `defect` throws, `slow` waits. Watch never ends by itself. */
export function kvRoutes(slow?: SlowPut): (router: ConnectRouter) => void {
  return (router) => {
    router.service(KvService, {
      async put(request) {
        if (request.key === "slow") await slow?.gate;
        if (request.key === "fail") {
          throw new ApiError({
            reason: "SLOT_MOVING",
            outcome: "NOT_APPLIED",
            message: "soon",
            retryAfterMs: 7,
          });
        }
        if (request.key === "defect") throw new Error("secret of the implementation");
        const size = request.payload.value?.length ?? 0;
        return { result: { applied: true, keyRevision: BigInt(size) } };
      },
      async *watch(_request, context) {
        yield { resumeToken: "first" };
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      },
    });
  };
}

/** Opens a port on a free port number of the loopback interface. */
export function openTestPort(options: Partial<ClientPortOptions> = {}): Promise<ClientPort> {
  return ClientPort.open({
    host: "127.0.0.1",
    port: 0,
    routes: kvRoutes(),
    pages: new Map([["/livez", livenessPage]]),
    origins: { allowedOrigins: [], hostNames: [], loopbackOnly: false },
    limits: defaultPortLimits,
    logger: silentLogger,
    ...options,
  });
}

/** The URL of a port. */
export function urlOf(port: ClientPort, scheme: "http" | "https" = "http"): string {
  return `${scheme}://127.0.0.1:${port.address.port}`;
}
