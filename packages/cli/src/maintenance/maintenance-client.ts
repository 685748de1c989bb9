/** Calls of `MaintenanceService`, with streams in both directions, which need HTTP/2. */
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ErrorInfoSchema, MaintenanceService, Reason } from "@titan-kv/proto";
import { unreachable, unreachableReason } from "../connection/cluster-calls.ts";
import type { Target } from "../connection/target.ts";
import { setTimeout as sleep } from "node:timers/promises";

/** A node that gives no sign of life for this long is given up, in milliseconds. */
const pingIntervalMs = 5000;
const pingTimeoutMs = 10_000;

export type MaintenanceRpc = Client<typeof MaintenanceService>;

/** Runs `work` with a client of one node. The connection ends with it. */
export async function withMaintenance<Result>(
  url: string,
  { tls, token }: Target,
  work: (rpc: MaintenanceRpc, url: string) => Promise<Result>,
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
    return await work(createClient(MaintenanceService, transport), url);
  } finally {
    sessionManager.abort();
  }
}

/** Whether an error is a node's own answer, and not the connection's. */
export function isAnswer(error: unknown): error is ConnectError {
  return error instanceof ConnectError && error.findDetails(ErrorInfoSchema).length > 0;
}

/** What the RPC library makes of a connection that cannot be made, or breaks in the middle of a stream. */
const connectionCodes: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.Unknown,
  Code.Canceled,
  Code.Aborted,
  Code.Internal,
]);

/** Whether the node was not reached, or went away before it answered. */
export function wentAway(error: unknown): error is ConnectError {
  return error instanceof ConnectError && connectionCodes.has(error.code) && !isAnswer(error);
}

/** Reasons of one node, or of a moment: it is stopping, busy, its disk is damaged, a leader is being found. */
const passingReasons: ReadonlySet<Reason> = new Set([
  Reason.UNAVAILABLE,
  Reason.OVERLOADED,
  Reason.CORRUPT,
  Reason.NOT_LEADER,
  Reason.STALE,
]);

function isPassing(error: ConnectError): boolean {
  return error.findDetails(ErrorInfoSchema).some(({ reason }) => passingReasons.has(reason));
}

/** How long the nodes are asked again while one of them says that it cannot do it now, and how long between rounds. */
const patienceMs = 20_000;
const roundMs = 500;

/**
 * Runs `work` with the first node that answers, and again with the next one when a node goes away or cannot do it now:
 * `work` must do no harm when it is repeated.
 * @throws what the last node answered, or CliError UNREACHABLE when none does.
 */
export async function withAnyNode<Result>(
  target: Target,
  work: (rpc: MaintenanceRpc, url: string) => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- a round after the other
    const round = await askEach(target, work, signal);
    if ("result" in round) return round.result;
    const { answer, cause, failures } = round;
    if (answer === undefined) throw unreachable(target, failures, cause);
    if (performance.now() >= deadlineMs) throw answer;
    // oxlint-disable-next-line no-await-in-loop -- as above
    await sleep(roundMs, undefined, signal === undefined ? {} : { signal });
  }
}

type Round<Result> =
  | { readonly result: Result }
  | {
      readonly answer: ConnectError | undefined;
      readonly cause: unknown;
      readonly failures: readonly string[];
    };

async function askEach<Result>(
  target: Target,
  work: (rpc: MaintenanceRpc, url: string) => Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Round<Result>> {
  const failures: string[] = [];
  let cause: unknown;
  let answer: ConnectError | undefined;
  for (const url of target.urls) {
    signal?.throwIfAborted();
    try {
      // oxlint-disable-next-line no-await-in-loop -- one node after the other
      return { result: await withMaintenance(url, target, work) };
    } catch (error) {
      if (isAnswer(error) && isPassing(error)) answer = error;
      else if (wentAway(error)) {
        cause = error;
        failures.push(`${new URL(url).host} (${unreachableReason(error)})`);
      } else throw error;
    }
  }
  return { answer, cause, failures };
}
