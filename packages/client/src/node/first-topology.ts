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
  for (let round = 1; ; round += 1) {
    const result = await askAll(seeds, deadlineMs);
    if (!Array.isArray(result)) return result;
    const refused = result.find(({ code }) => code === "PERMISSION_DENIED");
    if (refused !== undefined) throw refused;
    const waitMs = backoffMs(round, defaultBackoff, Math.random);
    if (performance.now() + waitMs < deadlineMs) {
      await new Promise((resolve) => {
        setTimeout(resolve, waitMs);
      });
      continue;
    }
    const reasons = result.map(({ message }) => message).join("; ");
    const addresses = seeds.map(({ address }) => address).join(", ");
    throw new TitanError(
      "UNAVAILABLE",
      `no node could be reached at ${addresses} within ${timeoutMs} ms (${reasons || "no answer"}); is the cluster running, and are these client addresses?`,
      { outcome: "NOT_APPLIED", cause: new AggregateError(result, "every seed failed") },
    );
  }
}

/** The first topology that any seed tells, or the error of each that answered in time. */
function askAll(seeds: readonly NodeLink[], deadlineMs: number): Promise<Topology | TitanError[]> {
  return new Promise((resolve) => {
    const errors: TitanError[] = [];
    const timers = new Set<NodeJS.Timeout>();
    let asked = 0;
    const finish = (result: Topology | TitanError[]): void => {
      for (const timer of timers) clearTimeout(timer);
      resolve(result);
    };
    const askNext = (): void => {
      const link = seeds[asked];
      if (link === undefined) return;
      asked += 1;
      askTopology(link).then(finish, (thrown: unknown) => {
        errors.push(asError(thrown, link));
        if (errors.length === seeds.length) finish(errors);
        else askNext();
      });
      timers.add(setTimeout(askNext, staggerMs));
    };
    timers.add(setTimeout(() => finish(errors), Math.max(1, deadlineMs - performance.now())));
    askNext();
  });
}

function asError(thrown: unknown, link: NodeLink): TitanError {
  if (thrown instanceof TitanError) return thrown;
  const { code, message } = failureOfCall(thrown);
  const text = message.includes(link.address) ? message : `${link.address}: ${message}`;
  return new TitanError(code, text, { outcome: "NOT_APPLIED", cause: thrown });
}
