// The five nodes of the study guide: a partition into [A, B, C] and [D, E]. The majority goes on, the minority refuses, and
// after the partition nothing that was acknowledged is lost.

import { Cluster } from "@titan-kv/raft/testing";
import { describe, expect, it } from "vitest";

const names = ["", "A", "B", "C", "D", "E"];
const [A, B, C, D, E] = [1, 2, 3, 4, 5];

function fiveNodes(): Cluster {
  return new Cluster({ voters: [A, B, C, D, E], nameOf: (replica) => names[replica] ?? "?" });
}

describe("five nodes, partitioned into [A, B, C] and [D, E]", () => {
  it("the leader in the majority keeps committing, the minority elects nobody", () => {
    const cluster = fiveNodes();
    cluster.campaign(A);
    cluster.propose(A, "before");
    cluster.transcript();

    cluster.network.partition([
      [A, B, C],
      [D, E],
    ]);
    cluster.propose(A, "during");
    cluster.tickAll(40);
    expect(cluster.transcript()).toEqual([
      'A applies 4@2 "during"',
      'B applies 4@2 "during"',
      'C applies 4@2 "during"',
      "D is preCandidate in term 2",
      "E is preCandidate in term 2",
    ]);
    expect(cluster.node(D).raw.propose([new Uint8Array(1)])).toEqual({
      status: "dropped",
      reason: "noLeader",
    });
    expect(cluster.node(E).raw.readIndex()).toEqual({ status: "dropped", reason: "noLeader" });

    cluster.network.heal();
    cluster.tickAll(2);
    expect(cluster.transcript()).toEqual([
      "D is follower of A in term 2",
      "E is follower of A in term 2",
      'D applies 4@2 "during"',
      'E applies 4@2 "during"',
    ]);
    for (const node of cluster.nodes) expect(node.applied).toEqual(["before", "during"]);
  });

  it("a leader in the minority steps down, what it could not commit gives way to what the majority did", () => {
    const cluster = fiveNodes();
    cluster.campaign(E);
    cluster.propose(E, "before");
    cluster.transcript();

    cluster.network.partition([
      [A, B, C],
      [D, E],
    ]);
    expect(cluster.propose(E, "lost")).toEqual({ status: "appended", index: 4, term: 2 });
    cluster.tickAll(10);
    expect(cluster.transcript()).toEqual([
      "A is preCandidate in term 2",
      "A is candidate in term 3",
      "B is follower in term 3",
      "C is follower in term 3",
      "A is leader in term 3",
      "B is follower of A in term 3",
      "C is follower of A in term 3",
      "A applies 4@3 empty",
      "B applies 4@3 empty",
      "C applies 4@3 empty",
    ]);
    // The old leader notices when an election timeout has passed in which only D answered.
    cluster.tickAll(10);
    expect(cluster.transcript()).toEqual(["E is follower in term 2"]);
    expect(cluster.node(E).raw.propose([new Uint8Array(1)])).toEqual({
      status: "dropped",
      reason: "noLeader",
    });
    cluster.propose(A, "kept");

    cluster.network.heal();
    cluster.tickAll(2);
    for (const node of cluster.nodes) expect(node.applied).toEqual(["before", "kept"]);
    expect(cluster.inRole("leader")).toEqual([A]);
  });
});
