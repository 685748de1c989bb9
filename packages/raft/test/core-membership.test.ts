// Changes of membership: Raft paper, section 6; dissertation, chapter 4.

import type { ConfChange, MemberChange } from "@titan-kv/raft";
import { Cluster, describeConfiguration } from "@titan-kv/raft/testing";
import { describe, expect, it } from "vitest";

function change(
  transition: ConfChange["transition"],
  ...steps: [MemberChange["type"], number][]
): ConfChange {
  return { transition, changes: steps.map(([type, replica]) => ({ type, replica })) };
}

function members(cluster: Cluster, id: number): string {
  return describeConfiguration(cluster.node(id).raw.status().configuration);
}

function led(voters: readonly number[], config: { lazyCommit?: boolean } = {}): Cluster {
  const cluster = new Cluster({ voters, config });
  cluster.campaign(1);
  cluster.transcript();
  return cluster;
}

describe("single changes", () => {
  it("a learner joins, catches up, is promoted, and counts", () => {
    const cluster = led([1, 2]);
    cluster.propose(1, "x");
    cluster.join(3);
    cluster.change(1, change("auto", ["addLearner", 3]));
    expect(members(cluster, 1)).toBe("voters (1 2) learners (3)");
    cluster.tickAll(3);
    expect(cluster.node(3).applied).toEqual(["x"]);
    expect(members(cluster, 3)).toBe("voters (1 2) learners (3)");
    cluster.change(1, change("auto", ["addVoter", 3]));
    cluster.network.partition([[1, 3]]);
    cluster.propose(1, "with 3 alone");
    expect(cluster.node(3).applied).toEqual(["x", "with 3 alone"]);
  });

  it("a change takes effect when it is applied, and only one is under way", () => {
    const cluster = led([1, 2, 3]);
    cluster.network.partition([]);
    expect(cluster.change(1, change("auto", ["remove", 3]))).toMatchObject({ status: "appended" });
    expect(members(cluster, 1)).toBe("voters (1 2 3)");
    expect(cluster.node(1).raw.status().changePending).toBe(true);
    expect(cluster.change(1, change("auto", ["remove", 2]))).toEqual({
      status: "dropped",
      reason: "changePending",
    });
    cluster.network.heal();
    cluster.tickAll(2);
    expect(members(cluster, 1)).toBe("voters (1 2)");
    expect(cluster.node(1).raw.status().changePending).toBe(false);
  });

  it("a new leader takes no change before the log it found is applied (raft-dev, 2015)", () => {
    const cluster = led([1, 2, 3]);
    cluster.network.lose((message) => message.type === "appendResponse");
    cluster.change(1, change("auto", ["remove", 3]));
    cluster.network.heal();
    cluster.node(1).raw.stepDown();
    for (const node of cluster.nodes) node.raw.forgetLeader();
    cluster.network.lose((message) => message.type === "appendResponse");
    cluster.campaign(2);
    expect(cluster.inRole("leader")).toEqual([2]);
    expect(cluster.change(2, change("auto", ["remove", 1]))).toEqual({
      status: "dropped",
      reason: "changePending",
    });
  });

  it("a change says which configuration it was made for", () => {
    const cluster = led([1, 2, 3]);
    const seen = cluster.node(1).raw.status().configuration.index;
    const first = cluster.change(1, { ...change("auto", ["remove", 3]), expectedConfigurationIndex: seen });
    expect(first).toMatchObject({ status: "appended", index: 3 });
    expect(cluster.node(2).raw.status().configuration.index).toBe(3);
    expect(cluster.change(1, { ...change("auto", ["remove", 2]), expectedConfigurationIndex: seen })).toEqual(
      {
        status: "dropped",
        reason: "configurationMoved",
      },
    );
  });

  it("nonsense is refused before it reaches the log", () => {
    const cluster = led([1]);
    const before = cluster.node(1).raw.status().lastIndex;
    for (const nonsense of [
      change("auto", ["remove", 1]),
      change("auto"),
      change("implicit", ["addVoter", 2], ["remove", 2]),
      change("auto", ["addVoter", 0]),
    ]) {
      expect(cluster.change(1, nonsense)).toEqual({ status: "dropped", reason: "changeInvalid" });
    }
    expect(cluster.node(1).raw.status().lastIndex).toBe(before);
  });

  it("a replica that does not know yet that it is a voter votes when it is asked (etcd #10998)", () => {
    const cluster = led([1, 2]);
    cluster.join(3);
    cluster.change(1, change("auto", ["addLearner", 3]));
    cluster.tickAll(2);
    // 3 does not hear that it was promoted; then 2 is gone for good.
    cluster.network.lose((message) => message.to === 3 && message.type !== "voteRequest");
    cluster.change(1, change("auto", ["addVoter", 3]));
    expect(members(cluster, 1)).toBe("voters (1 2 3)");
    expect(members(cluster, 3)).toBe("voters (1 2) learners (3)");
    cluster.network.partition([[1, 3]]);
    cluster.tick(1, 20);
    expect(cluster.node(1).raw.status().role).not.toBe("leader");
    cluster.network.heal();
    cluster.network.partition([[1, 3]]);
    cluster.node(3).raw.forgetLeader();
    cluster.campaign(1);
    expect(cluster.inRole("leader")).toEqual([1]);
    expect(members(cluster, 3)).toBe("voters (1 2 3)");
  });

  it("a replica with a change committed and not applied does not stand for election", () => {
    const cluster = led([1, 2, 3]);
    const { raw, storage } = cluster.node(2);
    cluster.node(1).raw.proposeConfChange(change("auto", ["remove", 3]));
    cluster.node(1).work();
    cluster.deliver();
    storage.write(raw.ready());
    raw.advance();
    raw.step({ type: "heartbeat", from: 1, to: 2, term: 2, commit: 3, round: 9 });
    raw.forgetLeader();
    raw.campaign();
    expect(raw.status().role).toBe("follower");
  });
});

describe("removing the leader", () => {
  it("a leader that removes itself tells the others and steps down", () => {
    const cluster = led([1, 2, 3]);
    cluster.change(1, change("auto", ["remove", 1]));
    expect(cluster.transcript()).toEqual([
      "1 applies 3@2 remove 1 (auto)",
      "1 is follower in term 2",
      "2 applies 3@2 remove 1 (auto)",
      "3 applies 3@2 remove 1 (auto)",
    ]);
    expect(cluster.propose(1, "x")).toEqual({ status: "dropped", reason: "noLeader" });
    cluster.tickAll(15);
    expect(cluster.inRole("leader")).toEqual([2]);
    expect(members(cluster, 2)).toBe("voters (2 3)");
    cluster.tick(1, 50);
    expect(cluster.node(1).raw.status().role).toBe("follower");
  });

  it("with lazyCommit everybody hears at once that a change is committed, those that it removes too", () => {
    const cluster = led([1, 2, 3], { lazyCommit: true });
    cluster.change(1, change("auto", ["remove", 3]));
    for (const id of [1, 2, 3]) expect(members(cluster, id)).toBe("voters (1 2)");
    // Had the last one not heard of it, nobody could be elected any more.
    cluster.change(1, change("auto", ["remove", 1]));
    expect(members(cluster, 2)).toBe("voters (2)");
    cluster.network.partition([[2]]);
    cluster.tickAll(25);
    expect(cluster.inRole("leader")).toEqual([2]);
  });

  it("the leader of two can remove itself (etcd #10563)", () => {
    const cluster = led([1, 2]);
    cluster.change(1, change("auto", ["remove", 1]));
    cluster.tickAll(15);
    expect(cluster.inRole("leader")).toEqual([2]);
    expect(members(cluster, 2)).toBe("voters (2)");
  });
});

describe("joint consensus", () => {
  it("many members change at once, through a joint configuration that is left automatically", () => {
    const cluster = led([1, 2, 3]);
    cluster.join(4);
    cluster.join(5);
    cluster.change(1, change("auto", ["addVoter", 4], ["addVoter", 5], ["remove", 2], ["addLearner", 3]));
    cluster.tickAll(3);
    const lines = cluster.transcript().filter((line) => line.startsWith("1 "));
    expect(lines).toEqual([
      "1 applies 3@2 addVoter 4, addVoter 5, remove 2, addLearner 3 (auto)",
      "1 applies 4@2 leave joint configuration",
    ]);
    expect(members(cluster, 5)).toBe("voters (1 4 5) learners (3)");
  });

  it("while it lasts, both majorities must agree", () => {
    const cluster = led([1, 2, 3]);
    cluster.join(4);
    cluster.join(5);
    cluster.change(1, change("explicit", ["addVoter", 4], ["addVoter", 5], ["remove", 2], ["remove", 3]));
    cluster.tickAll(3);
    expect(members(cluster, 1)).toBe("voters (1 4 5)&&(1 2 3)");
    cluster.network.partition([[1, 4, 5]]);
    cluster.propose(1, "only the new majority");
    expect(cluster.node(1).applied).toEqual([]);
    // What the new majority has, the old one completes; what only the old one has, waits.
    cluster.network.partition([[1, 2, 3]]);
    cluster.propose(1, "only the old majority");
    cluster.tickAll(2, [1, 2, 3]);
    expect(cluster.node(1).applied).toEqual(["only the new majority"]);
    cluster.network.partition([[1, 2, 4]]);
    cluster.tickAll(2, [1, 2, 4]);
    expect(cluster.node(1).applied).toEqual(["only the new majority", "only the old majority"]);
    cluster.network.heal();
    cluster.change(1, { transition: "auto", changes: [] });
    expect(members(cluster, 1)).toBe("voters (1 4 5)");
  });

  it("a leader that is not in the new configuration leads until the joint one is left", () => {
    const cluster = led([1, 2, 3]);
    cluster.join(4);
    cluster.change(1, change("implicit", ["addVoter", 4], ["remove", 1]));
    cluster.tickAll(2);
    expect(cluster.node(1).raw.status().role).toBe("follower");
    cluster.tickAll(15);
    expect(cluster.inRole("leader")).toHaveLength(1);
    expect(members(cluster, 2)).toBe("voters (2 3 4)");
  });

  it("a leader that dies in a joint configuration is replaced by one that leaves it", () => {
    const cluster = led([1, 2, 3]);
    cluster.join(4);
    cluster.network.lose(
      (message) => message.type === "appendRequest" && message.entries.some((entry) => entry.index === 4),
    );
    cluster.change(1, change("implicit", ["addVoter", 4], ["remove", 3]));
    cluster.tickAll(1);
    expect(members(cluster, 2)).toBe("voters (1 2 4)&&(1 2 3) autoLeave");
    cluster.network.heal();
    cluster.network.partition([[2, 3, 4]]);
    cluster.tickAll(30, [2, 3, 4]);
    expect(members(cluster, 2)).toBe("voters (1 2 4)");
  });

  it("a candidate in an outdated joint configuration learns from a refusal that it is outdated (etcd #12359)", () => {
    const cluster = led([1, 2, 3]);
    cluster.change(1, change("explicit", ["remove", 1], ["remove", 3]));
    cluster.tickAll(2);
    expect(members(cluster, 2)).toBe("voters (2)&&(1 2 3)");
    // 1 and 3 hear that the joint configuration is left; 2, the only voter that remains, has the entry and does not hear that
    // it is committed. And 1 has another entry, so that it must refuse its vote.
    cluster.node(1).raw.proposeConfChange({ transition: "auto", changes: [] });
    cluster.node(1).work();
    cluster.node(1).raw.propose([new TextEncoder().encode("nobody else has this")]);
    cluster.network.lose(
      (message) =>
        message.type === "appendRequest" &&
        (message.commit >= 4 || message.entries.some(({ index }) => index > 4)),
    );
    cluster.settle();
    expect(members(cluster, 1)).toBe("voters (2)");
    expect(members(cluster, 2)).toBe("voters (2)&&(1 2 3)");
    cluster.network.heal();
    cluster.network.partition([[1, 2]]);
    cluster.tickAll(40, [1, 2]);
    expect(cluster.inRole("leader")).toEqual([2]);
    expect(members(cluster, 2)).toBe("voters (2)");
  });

  it("a restart finds the configuration as of what was applied, whether or not a snapshot tells it (camunda #57389)", () => {
    const cluster = led([1, 2, 3]);
    cluster.join(4);
    cluster.change(1, change("explicit", ["addVoter", 4], ["remove", 3]));
    cluster.tickAll(2);
    const before = members(cluster, 1);
    expect(before).toBe("voters (1 2 4)&&(1 2 3)");
    cluster.node(1).restart();
    expect(members(cluster, 1)).toBe(before);
    cluster.node(2).compact();
    cluster.node(2).restart();
    expect(members(cluster, 2)).toBe(before);
    expect(cluster.node(2).raw.status().configuration.index).toBe(3);
  });
});

describe("applying changes", () => {
  it("a caller that forgets to apply a change is told", () => {
    const cluster = led([1]);
    const { raw, storage } = cluster.node(1);
    raw.proposeConfChange(change("auto", ["addLearner", 2]));
    storage.write(raw.ready());
    raw.advance();
    expect(raw.ready().committedEntries).toHaveLength(1);
    expect(() => raw.advance()).toThrow(/applyConfChange/);
  });

  it("a change that is part of the configuration already has no effect", () => {
    const cluster = led([1]);
    cluster.change(1, change("auto", ["addLearner", 2]));
    const { raw, storage } = cluster.node(1);
    const [entry] = storage.entries(3, 4, 1000);
    expect(entry && raw.applyConfChange(entry)).toBe(raw.status().configuration);
    expect(() => entry && raw.applyConfChange({ ...entry, index: 9 })).toThrow(
      /no configuration change that was handed out/,
    );
  });
});
