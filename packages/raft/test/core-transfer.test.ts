// Leadership transfer: dissertation, section 3.10.

import type { Message } from "@titan-kv/raft";
import { Cluster } from "@titan-kv/raft/testing";
import { describe, expect, it } from "vitest";

function kind(type: Message["type"]): (message: Message) => boolean {
  return (message) => message.type === type;
}

describe("leadership transfer", () => {
  it("the target campaigns at once, and its voters do not wait for the old leader to fall silent", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.transcript();
    cluster.trace(true);
    expect(cluster.node(1).raw.transferLeader(2)).toEqual({ status: "started" });
    cluster.settle();
    expect(cluster.transcript().slice(0, 6)).toEqual([
      "1→2 timeout-now term 2",
      "2 is candidate in term 3",
      "2→1 vote term 3 wanted last 2@2 for a transfer",
      "2→3 vote term 3 wanted last 2@2 for a transfer",
      "1 is follower in term 3",
      "3 is follower in term 3",
    ]);
    expect(cluster.inRole("leader")).toEqual([2]);
  });

  it("a target that is behind catches up first, and proposals are refused meanwhile", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.network.partition([[1, 3]]);
    cluster.propose(1, "x");
    cluster.node(1).raw.transferLeader(2);
    expect(cluster.propose(1, "y")).toEqual({ status: "dropped", reason: "transferring" });
    cluster.network.heal();
    cluster.tickAll(3);
    expect(cluster.inRole("leader")).toEqual([2]);
    for (const node of cluster.nodes) expect(node.applied).toEqual(["x"]);
  });

  it("a transfer to a replica that does not answer is given up after an election timeout", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.network.partition([[1, 3]]);
    cluster.propose(1, "x");
    cluster.node(1).raw.transferLeader(2);
    cluster.tickAll(10, [1, 3]);
    expect(cluster.node(1).raw.status()).toMatchObject({ role: "leader", transferTarget: 0 });
    expect(cluster.propose(1, "y")).toMatchObject({ status: "appended" });
  });

  it("nobody but a voter can be the target, and not the leader itself", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.join(4);
    cluster.change(1, { transition: "auto", changes: [{ type: "addLearner", replica: 4 }] });
    for (const target of [1, 4, 9]) {
      expect(cluster.node(1).raw.transferLeader(target)).toEqual({
        status: "dropped",
        reason: "changeInvalid",
      });
    }
  });

  it("a follower passes the request on", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    expect(cluster.node(3).raw.transferLeader(2)).toEqual({ status: "dropped", reason: "noLeader" });
    cluster.campaign(1);
    expect(cluster.node(3).raw.transferLeader(3)).toEqual({ status: "forwarded", leader: 1 });
    cluster.settle();
    expect(cluster.inRole("leader")).toEqual([3]);
  });

  it("removing the target ends the transfer", () => {
    const cluster = new Cluster({ voters: [1, 2, 3, 4] });
    cluster.campaign(1);
    cluster.node(1).raw.proposeConfChange({ transition: "auto", changes: [{ type: "remove", replica: 2 }] });
    cluster.node(1).raw.transferLeader(2);
    cluster.network.lose(kind("timeoutNow"));
    cluster.settle();
    expect(cluster.node(1).raw.status()).toMatchObject({ role: "leader", transferTarget: 0 });
  });

  it("a second request for the same target changes nothing, one for another target takes its place", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.network.partition([]);
    cluster.propose(1, "x");
    cluster.node(1).raw.transferLeader(2);
    expect(cluster.node(1).raw.transferLeader(2)).toEqual({ status: "started" });
    cluster.node(1).raw.transferLeader(3);
    cluster.network.heal();
    cluster.tickAll(2);
    expect(cluster.inRole("leader")).toEqual([3]);
  });
});
