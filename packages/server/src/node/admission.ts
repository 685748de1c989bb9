/** Which nodes this node talks to. */
import type { Admit, PeerIdentity, Refusal } from "../peer/hello.ts";
import { type ClusterMap, emptyClusterMap, nodeOf } from "../meta/cluster-map.ts";

/** What the decision rests on. */
export interface AdmissionFields {
  readonly clusterId: string;
  /** The founders, who know each other before there is a map. */
  readonly founders: readonly number[];
  readonly map: () => ClusterMap | undefined;
}

/** Judges every node that connects or answers, by what the cluster map says now. */
export function createAdmission(fields: AdmissionFields): Admit {
  return (hello: PeerIdentity): Refusal | undefined => {
    const map = fields.map() ?? emptyClusterMap;
    if (hello.clusterId !== fields.clusterId) {
      return {
        reason: "WRONG_CLUSTER",
        message: `this is cluster ${fields.clusterId}, not ${hello.clusterId}`,
      };
    }
    const node = nodeOf(map, hello.node);
    if (node === undefined) {
      if (map.clusterId === "" && (fields.founders.length === 0 || fields.founders.includes(hello.node)))
        return undefined;
      return map.clusterId === ""
        ? { reason: "NOT_READY", message: "this node has not heard of its cluster yet" }
        : { reason: "UNKNOWN_NODE", message: `this node does not know node ${hello.node} yet` };
    }
    if (node.state === "removed") {
      return {
        reason: "REMOVED",
        message: `node ${hello.node} was removed from the cluster; start it with an empty directory and join again`,
      };
    }
    if (node.token !== "" && node.token !== hello.token) {
      return {
        reason: "BAD_TOKEN",
        message: `node ${hello.node} has another data directory; if its data was lost, remove the node and join again with an empty directory`,
      };
    }
    return undefined;
  };
}
