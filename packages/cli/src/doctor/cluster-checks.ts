/** Whether the cluster is well, seen from here. */
import type { GetStatusResponse, Topology } from "@titan-kv/proto";
import { clusterClient, unreachableReason } from "../connection/cluster-calls.ts";
import type { Target } from "../connection/target.ts";
import { fetchStatus } from "../operations/fetch-topology.ts";
import { troubles } from "../operations/status.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** How long a node may take, in milliseconds. */
const probeLimitMs = 3000;
/** Expiry is by the time that leaders stamp into the log; nothing else depends on clocks. */
const toleratedSkewMs = 1000;
/** Entries that a replica may be behind without anybody worrying. */
const toleratedLag = 10_000n;

/** Which of the named nodes answer, and how their clocks differ from this one. */
async function checkEndpoints(target: Target): Promise<Finding[]> {
  return Promise.all(
    target.urls.map(async (url) => {
      const { host } = new URL(url);
      const startedAtMs = Date.now();
      try {
        const { topology } = await clusterClient(url, target).getTopology({}, { timeoutMs: probeLimitMs });
        const tookMs = Date.now() - startedAtMs;
        const skewMs = Number(topology?.nowMs ?? 0n) - (startedAtMs + tookMs / 2);
        // The answer was made somewhere between question and answer; no more can be known.
        const certainMs = Math.max(0, Math.abs(skewMs) - tookMs / 2);
        return certainMs > toleratedSkewMs
          ? warning(
              `node at ${host}`,
              `answers in ${tookMs} ms; its clock differs by ${(certainMs / 1000).toFixed(1)} s from this one`,
              "keys would expire early or late: let both machines follow a time server",
            )
          : ok(`node at ${host}`, `answers in ${tookMs} ms, its clock agrees`);
      } catch (error) {
        return problem(
          `node at ${host}`,
          unreachableReason(error),
          "start it, or correct the address (it comes from " + target.source + ")",
        );
      }
    }),
  );
}

function lagFindings({ shards }: Topology): Finding[] {
  return shards.flatMap(({ id, replicas }) =>
    replicas
      .filter(({ lagEntries }) => lagEntries > toleratedLag)
      .map(({ node, lagEntries }) =>
        warning(
          `shard ${id}`,
          `the replica on node ${node} is ${lagEntries} entries behind`,
          "it catches up by itself; if it does not, look at that node's disk and log",
        ),
      ),
  );
}

function durabilityFindings({ nodes }: GetStatusResponse): Finding[] {
  const weak = nodes.filter(({ durability }) => durability !== "always");
  return weak.map(({ id, durability }) =>
    warning(
      `node ${id}`,
      `its durability is ${durability}: a power cut may lose acknowledged writes`,
      "set durability.level to always, unless you have chosen this",
    ),
  );
}

/** All checks of the cluster. */
export async function checkCluster(target: Target): Promise<Finding[]> {
  const endpoints = await checkEndpoints(target);
  if (endpoints.every(({ verdict }) => verdict === "problem")) return endpoints;
  const status = await fetchStatus(target, probeLimitMs);
  const found = troubles(status);
  return [
    ...endpoints,
    ...found.map((message) =>
      problem("cluster", message, "bring the nodes back; `titan status` and their logs tell more"),
    ),
    ...(found.length === 0 ? [ok("cluster", "every node answers and every shard has a leader")] : []),
    ...lagFindings(status.topology),
    ...durabilityFindings(status),
  ];
}
