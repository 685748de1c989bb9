/** Calls of `MaintenanceService`, with streams in both directions, which need HTTP/2. */
import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ErrorInfoSchema, MaintenanceService, Reason } from "@titan-kv/proto";
import { isUnreachable, unreachable, unreachableReason } from "../connection/cluster-calls.ts";
import type { Target } from "../connection/target.ts";

/** A node that gives no sign of life for this long is given up, in milliseconds. */
const pingIntervalMs = 5000;
const pingTimeoutMs = 10_000;

export type MaintenanceRpc = Client<typeof MaintenanceService>;

/** Runs `work` with a client of one node. The connection ends with it. */
export async function withMaintenance<Result>(
  url: string,
  { tls, token }: Target,
  work: (rpc: MaintenanceRpc) => Promise<Result>,
): Promise<Result> {
  const sessionManager = new Http2SessionManager(
    url,
    { pingIntervalMs, pingTimeoutMs },
    {
      ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls?.key === undefined ? {} : { key: tls.key }),
    },
  );
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: "2",
    sessionManager,
    interceptors:
      token === undefined
        ? []
        : [
            (next) => (request) => {
              request.header.set("authorization", `Bearer ${token}`);
              return next(request);
            },
          ],
  });
  try {
    return await work(createClient(MaintenanceService, transport));
  } finally {
    sessionManager.abort();
  }
}

/** Whether an error is a node's own answer, and not the connection's. */
export function isAnswer(error: unknown): error is ConnectError {
  return error instanceof ConnectError && error.findDetails(ErrorInfoSchema).length > 0;
}

/**
 * Runs `work` with the first node that answers, and again with the next one when a node goes away or cannot do it now:
 * `work` must do no harm when it is repeated.
 * @throws what the last node answered, or CliError UNREACHABLE.
 */
export async function withAnyNode<Result>(
  target: Target,
  work: (rpc: MaintenanceRpc) => Promise<Result>,
): Promise<Result> {
  const failures: string[] = [];
  let cause: unknown;
  let answer: unknown;
  for (const url of target.urls) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one node after the other
      return await withMaintenance(url, target, work);
    } catch (error) {
      if (isAnswer(error)) {
        if (!canAnotherNodeDoIt(error)) throw error;
        answer = error;
      } else if (isUnreachable(error)) {
        cause = error;
        failures.push(`${new URL(url).host} (${unreachableReason(error)})`);
      } else throw error;
    }
  }
  throw answer ?? unreachable(target, failures, cause);
}

const reasonsOfOneNode: ReadonlySet<Reason> = new Set([
  Reason.UNAVAILABLE,
  Reason.OVERLOADED,
  Reason.CORRUPT,
  Reason.NOT_LEADER,
]);

/** Whether an error is about the node that answered: it is stopping, busy, or its disk is damaged. */
function canAnotherNodeDoIt(error: ConnectError): boolean {
  return error.findDetails(ErrorInfoSchema).some(({ reason }) => reasonsOfOneNode.has(reason));
}
