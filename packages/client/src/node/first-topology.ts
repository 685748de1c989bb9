/** How a client finds its cluster. */
import type { Topology } from "@titan-kv/proto";
import { TitanError } from "../errors/titan-error.ts";
import { failureOfCall } from "../errors/wire-failure.ts";
import { backoffMs, defaultBackoff } from "../retry/backoff.ts";
import { askTopology } from "./cluster-calls.ts";
import type { NodeLink } from "./node-link.ts";

/** A seed that is silent for this long does not hold up the next one, in milliseconds. */
const staggerMs = 250;

/**
 * Asks the seeds one after the other, without waiting for silent ones, round after round, until one knows the cluster.
 * @throws TitanError UNAVAILABLE when the time is over, PERMISSION_DENIED at once when a node refuses us.
 */
export async function firstTopology(seeds: readonly NodeLink[], timeoutMs: number): Promise<Topology> {
  const deadlineMs = performance.now() + timeoutMs;
  const errors = new Map<NodeLink, TitanError>();
  for (let round = 1; ; round += 1) {
    // oxlint-disable-next-line no-await-in-loop -- a round follows the failure of the one before
    const topology = await askAll(seeds, deadlineMs, errors);
    if (topology !== undefined) return topology;
    const known = [...errors.values()];
    const refused = known.find(({ code }) => code === "PERMISSION_DENIED");
    if (refused !== undefined) throw refused;
    const waitMs = backoffMs(round, defaultBackoff, Math.random);
    if (performance.now() + waitMs < deadlineMs) {
      // oxlint-disable-next-line no-await-in-loop -- a round follows the failure of the one before
      await new Promise((resolve) => {
        setTimeout(resolve, waitMs);
      });
      continue;
    }
    const reasons = known.map(({ message }) => message).join("; ");
    const addresses = seeds.map(({ address }) => address).join(", ");
    throw new TitanError(
      "UNAVAILABLE",
      `no node could be reached at ${addresses} within ${timeoutMs} ms (${reasons || "no answer"}); is the cluster running, and are these client addresses?`,
      { outcome: "NOT_APPLIED", cause: new AggregateError(known, "every seed failed") },
    );
  }
}

/** The first topology that any seed tells in time. Takes note of the last error of each. */
function askAll(
  seeds: readonly NodeLink[],
  deadlineMs: number,
  errors: Map<NodeLink, TitanError>,
): Promise<Topology | undefined> {
  return new Promise((resolve) => {
    const timers = new Set<NodeJS.Timeout>();
    let asked = 0;
    let failed = 0;
    const finish = (result: Topology | undefined): void => {
      for (const timer of timers) clearTimeout(timer);
      resolve(result);
    };
    const askNext = (): void => {
      const link = seeds[asked];
      if (link === undefined) return;
      asked += 1;
      askTopology(link).then(finish, (thrown: unknown) => {
        errors.set(link, asError(thrown, link));
        failed += 1;
        if (failed === seeds.length) finish(undefined);
        else askNext();
      });
      timers.add(setTimeout(askNext, staggerMs));
    };
    timers.add(setTimeout(() => finish(undefined), Math.max(1, deadlineMs - performance.now())));
    askNext();
  });
}

function asError(thrown: unknown, link: NodeLink): TitanError {
  if (thrown instanceof TitanError) return thrown;
  const { code, message } = failureOfCall(thrown);
  const text = message.includes(link.address) ? message : `${link.address}: ${message}`;
  return new TitanError(code, text, { outcome: "NOT_APPLIED", cause: thrown });
}
