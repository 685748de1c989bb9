/** Why a request for data failed, as far as the nodes that answer know: more useful than the error alone. */
import type { Topology } from "@titan-kv/proto";
import { CliError } from "../program/cli-error.ts";
import { clusterClient, unreachable, unreachableReason } from "./cluster-calls.ts";
import type { Target } from "./target.ts";

/** How long a node may take to say what it knows, in milliseconds. */
const probeLimitMs = 1500;

/** Shards that nobody leads, with how many of their replicas are on nodes that are gone. */
export function leaderlessShards(topology: Topology): { shard: number; gone: number; replicas: number }[] {
  const alive = new Set(topology.nodes.filter((node) => node.alive).map(({ id }) => id));
  alive.add(topology.node);
  return topology.shards
    .filter(({ leader }) => leader === 0 || !alive.has(leader))
    .map(({ id, replicas }) => ({
      shard: id,
      gone: replicas.filter(({ node }) => !alive.has(node)).length,
      replicas: replicas.length,
    }));
}

/** A better error for one that says only that the cluster did not answer; `undefined` when there is nothing to add. */
export async function diagnose(target: Target, cause: CliError): Promise<CliError | undefined> {
  const answers = await Promise.allSettled(
    target.urls.map((url) => clusterClient(url, target).getTopology({}, { timeoutMs: probeLimitMs })),
  );
  const topologies = answers.flatMap((answer) =>
    answer.status === "fulfilled" && answer.value.topology !== undefined ? [answer.value.topology] : [],
  );
  if (topologies.length === 0) {
    // A write that may have been sent before the nodes went away must not be called undone.
    if (cause.code === "OUTCOME_UNKNOWN") return undefined;
    const failures = answers.map((answer, index) => {
      const reason = answer.status === "rejected" ? unreachableReason(answer.reason) : "an empty answer";
      return `${new URL(target.urls[index]!).host} (${reason})`;
    });
    return unreachable(target, failures, cause);
  }
  const leaderless = topologies.map(leaderlessShards).toSorted((one, other) => one.length - other.length)[0]!;
  if (leaderless.length === 0) {
    return new CliError(cause.code, cause.message, {
      cause,
      nextStep:
        cause.code === "OUTCOME_UNKNOWN"
          ? "the cluster answers now: read the key to find out whether it was applied"
          : "the cluster answers and has its leaders: try again, perhaps with a longer --timeout",
    });
  }
  const described = leaderless.map(
    ({ shard, gone, replicas }) =>
      `${shard === 0 ? "the meta group" : `shard ${shard}`} (${gone} of ${replicas} replicas gone)`,
  );
  const effect = cause.code === "OUTCOME_UNKNOWN" ? "; the write may or may not have been applied" : "";
  return new CliError(cause.code, `no leader for ${described.join(", ")}${effect}: ${cause.message}`, {
    cause,
    nextStep: "bring nodes back until a majority of each shard's replicas runs; `titan status` shows them",
  });
}
