import type { DescService } from "@bufbuild/protobuf";
import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import { ApiError } from "../http/api-error.ts";

const starting = new ApiError({
  reason: "UNAVAILABLE",
  outcome: "NOT_APPLIED",
  message: "the node is starting",
  retryAfterMs: 100,
});

/**
 * Registers a service whose handlers exist later than the port that serves them: the port's address has to be known before
 * the node can introduce itself, and only then is there anything to serve. Until then calls are refused.
 */
export function registerLate<Service extends DescService>(
  router: ConnectRouter,
  service: Service,
  handlers: () => ServiceImpl<Service> | undefined,
): void {
  const entries = service.methods.map(({ localName }) => [
    localName,
    (request: unknown, context: unknown): unknown => {
      const ready = handlers() as Record<string, (request: unknown, context: unknown) => unknown> | undefined;
      if (ready === undefined) throw starting;
      return ready[localName]!(request, context);
    },
  ]);
  router.service(service, Object.fromEntries(entries) as ServiceImpl<Service>);
}
