/** The health protocol of gRPC: what load balancers and probes ask. */
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "@titan-kv/proto/health";

/** The name under which the server as a whole is asked about. */
export const wholeServer = "";

/** Which services are able to serve. */
export class HealthStates {
  readonly #serving = new Map<string, boolean>();
  readonly #listeners = new Set<() => void>();

  /** @param services names of services besides the whole server; none serves yet. */
  constructor(services: Iterable<string>) {
    this.#serving.set(wholeServer, false);
    for (const service of services) this.#serving.set(service, false);
  }

  /** Says whether a service serves, and tells those who watch it. */
  set(service: string, serving: boolean): void {
    if (this.#serving.get(service) === serving) return;
    this.#serving.set(service, serving);
    for (const listener of this.#listeners) listener();
  }

  /** Says the same of the server and all its services. */
  setAll(serving: boolean): void {
    for (const service of this.#serving.keys()) this.set(service, serving);
  }

  /** What is known of a service. */
  status(service: string): ServingStatus {
    const serving = this.#serving.get(service);
    if (serving === undefined) return ServingStatus.SERVICE_UNKNOWN;
    return serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }

  /** Resolves at the next change of anything, or when the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#listeners.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#listeners.add(done);
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    });
  }
}

async function* watch(
  states: HealthStates,
  service: string,
  context: HandlerContext,
): AsyncIterable<{ readonly status: ServingStatus }> {
  let told: ServingStatus | undefined;
  while (!context.signal.aborted) {
    const changed = states.changed(context.signal);
    const status = states.status(service);
    if (status !== told) {
      told = status;
      yield { status };
    }
    // oxlint-disable-next-line no-await-in-loop -- one change after the other
    await changed;
  }
}

/** Serves `grpc.health.v1.Health`. */
export function healthRoutes(states: HealthStates): (router: ConnectRouter) => void {
  return (router) => {
    router.service(Health, {
      check: ({ service }) => {
        const status = states.status(service);
        if (status === ServingStatus.SERVICE_UNKNOWN) {
          throw new ConnectError(`there is no service ${JSON.stringify(service)}`, Code.NotFound);
        }
        return { status };
      },
      watch: ({ service }, context) => watch(states, service, context),
    });
  };
}
