import type { GetStatusResponse, Topology } from "@titan-kv/proto";
import { callCluster } from "../connection/cluster-calls.ts";
import type { Target } from "../connection/target.ts";
import { CliError } from "../program/cli-error.ts";

/** What all living nodes say about the cluster; `topology` is there. */
export async function fetchStatus(
  target: Target,
  timeoutMs: number | undefined,
): Promise<GetStatusResponse & { topology: Topology }> {
  const status = await callCluster(target, { timeoutMs }, (client, options) => client.getStatus({}, options));
  return { ...status, topology: founded(status.topology) };
}

/** What one node knows. */
export async function fetchTopology(target: Target, timeoutMs: number | undefined): Promise<Topology> {
  const { topology } = await callCluster(target, { timeoutMs }, (client, options) =>
    client.getTopology({}, options),
  );
  return founded(topology);
}

function founded(topology: Topology | undefined): Topology {
  if (topology !== undefined && topology.clusterId !== "") return topology;
  throw new CliError("UNAVAILABLE", "the node that answers has not heard of its cluster yet", {
    nextStep: "wait until a majority of the founding nodes runs",
  });
}
