// Snapshots: Raft paper, section 7; dissertation, chapter 5.

import type { Message, ProgressStatus } from "@titan-kv/raft";
import { Cluster, describeConfiguration, describeProgress } from "@titan-kv/raft/testing";
import { describe, expect, it } from "vitest";

function progressOf(cluster: Cluster, replica: number): ProgressStatus | undefined {
  return cluster
    .node(1)
    .raw.status()
    .progress.find((each) => each.replica === replica);
}

function show(progress: ProgressStatus | undefined): string {
  return progress === undefined ? "unknown" : describeProgress(progress);
}

/** 1 leads and has compacted its log; 3 missed all of it. */
function lagging(): Cluster {
  const cluster = new Cluster({ voters: [1, 2, 3] });
  cluster.campaign(1);
  cluster.network.partition([[1, 2]]);
  cluster.propose(1, "a", "b", "c");
  cluster.node(1).compact();
  cluster.propose(1, "d");
  cluster.transcript();
  return cluster;
}

describe("section 7: a follower that is too far behind", () => {
  it("gets a snapshot, then what follows it", () => {
    const cluster = lagging();
    cluster.network.heal();
    cluster.trace(true);
    cluster.tickAll(2);
    const lines = cluster
      .transcript()
      .filter((line) => !line.includes("heartbeat") && !line.startsWith("1→2") && !line.startsWith("2"));
    expect(lines.slice(0, 5)).toEqual([
      "1→3 append term 2 after 6@2 commit 6",
      "3→1 append term 2 rejected at 6 hint 2@2",
      "1→3 snapshot term 2 at 5@2 voters (1 2 3)",
      "3 restores the snapshot at 5",
      "3→1 append term 2 accepted to 5",
    ]);
    expect(cluster.node(3).applied).toEqual(["a", "b", "c", "d"]);
  });

  it("nothing else is sent while the snapshot is under way; a failure leads back to probing", () => {
    const cluster = lagging();
    cluster.network.heal();
    cluster.network.lose((message) => message.type === "installSnapshot");
    cluster.tickAll(2);
    expect(show(progressOf(cluster, 3))).toBe("3: snapshot match 2 next 6 paused snapshot 5");
    cluster.propose(1, "e");
    expect(show(progressOf(cluster, 3))).toBe("3: snapshot match 2 next 6 paused snapshot 5");
    cluster.node(1).raw.reportSnapshot(3, "failed");
    expect(show(progressOf(cluster, 3))).toBe("3: probe match 2 next 3 paused");
    cluster.network.heal();
    cluster.tickAll(3);
    expect(cluster.node(3).applied).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("a peer that does not answer is sent no snapshot", () => {
    const cluster = lagging();
    cluster.tickAll(12, [1, 2]);
    cluster.node(1).raw.reportUnreachable(3);
    cluster.propose(1, "e");
    expect(progressOf(cluster, 3)?.state).not.toBe("snapshot");
  });

  it("a peer that catches up by other means leaves the snapshot state without it (etcd-io/raft #110)", () => {
    const cluster = lagging();
    cluster.network.heal();
    cluster.network.lose((message) => message.type === "installSnapshot");
    cluster.tickAll(2);
    const answer: Message = {
      type: "appendResponse",
      from: 3,
      to: 1,
      term: 2,
      index: 5,
      reject: false,
      hintIndex: 0,
      hintTerm: 0,
    };
    cluster.node(1).raw.step(answer);
    expect(progressOf(cluster, 3)?.state).toBe("replicate");
  });
});

describe("what a snapshot carries", () => {
  it("its configuration replaces the follower's, also one the follower applied before (openraft #1808)", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.network.partition([[1, 2]]);
    cluster.join(4);
    cluster.change(1, { transition: "auto", changes: [{ type: "addLearner", replica: 4 }] });
    cluster.change(1, { transition: "auto", changes: [{ type: "remove", replica: 4 }] });
    cluster.node(1).compact();
    cluster.network.heal();
    cluster.tickAll(3);
    const { configuration } = cluster.node(3).raw.status();
    expect(describeConfiguration(configuration)).toBe("voters (1 2 3)");
    expect(configuration.index).toBe(4);
    cluster.node(3).restart();
    expect(cluster.node(3).raw.status().configuration).toEqual(configuration);
  });

  it("a replica that is not in the snapshot's configuration takes it, and learns of its own joining afterwards", () => {
    const cluster = new Cluster({ voters: [1, 2] });
    cluster.campaign(1);
    cluster.propose(1, "a");
    cluster.node(1).compact();
    cluster.join(3);
    cluster.change(1, { transition: "auto", changes: [{ type: "addVoter", replica: 3 }] });
    cluster.tickAll(3);
    expect(cluster.node(3).applied).toEqual(["a"]);
    expect(describeConfiguration(cluster.node(3).raw.status().configuration)).toBe("voters (1 2 3)");
  });

  it("a snapshot that is older than what is committed is ignored, and one that contradicts it stops the replica", () => {
    const cluster = lagging();
    const { raw } = cluster.node(2);
    const { configuration } = raw.status();
    const older: Message = {
      type: "installSnapshot",
      from: 1,
      to: 2,
      term: 2,
      snapshot: { index: 3, term: 2, configuration },
    };
    raw.step(older);
    cluster.settle();
    expect(raw.status()).toMatchObject({ lastIndex: 6, firstIndex: 2 });
    expect(() => raw.step({ ...older, snapshot: { ...older.snapshot, term: 1 } })).toThrow(
      /The snapshot at 3 is of term 1/,
    );
  });

  it("a snapshot of entries that are all there only commits them", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.network.lose(
      (message) => message.to === 3 && message.type === "appendRequest" && message.entries.length === 0,
    );
    cluster.propose(1, "a");
    const { raw } = cluster.node(3);
    const { configuration, hardState } = raw.status();
    expect(hardState.commit).toBe(2);
    raw.step({
      type: "installSnapshot",
      from: 1,
      to: 3,
      term: 2,
      snapshot: { index: 3, term: 2, configuration },
    });
    cluster.settle();
    expect(raw.status()).toMatchObject({ firstIndex: 2, hardState: { commit: 3 } });
    expect(cluster.node(3).applied).toEqual(["a"]);
  });
});

describe("snapshots and the disk", () => {
  it("while one snapshot is being installed no other one is taken", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], config: { asyncStorageWrites: true } });
    const { raw, storage } = cluster.node(3);
    const { configuration } = raw.status();
    cluster.node(3).diskStalled = true;
    const first: Message = {
      type: "installSnapshot",
      from: 1,
      to: 3,
      term: 2,
      snapshot: { index: 9, term: 2, configuration },
    };
    raw.step(first);
    cluster.settle();
    raw.step({ ...first, snapshot: { index: 20, term: 2, configuration } });
    cluster.settle();
    expect(raw.status()).toMatchObject({ lastIndex: 9, hardState: { commit: 9 } });
    cluster.node(3).diskStalled = false;
    cluster.settle();
    expect(storage.snapshot().index).toBe(9);
    raw.step({ ...first, snapshot: { index: 20, term: 2, configuration } });
    cluster.settle();
    expect(storage.snapshot().index).toBe(20);
  });

  it("nothing is applied, and nobody elected, between accepting a snapshot and having restored it", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], config: { asyncStorageWrites: true } });
    cluster.campaign(1);
    cluster.network.partition([[1, 2]]);
    cluster.propose(1, "a", "b");
    cluster.node(1).compact();
    const { raw, storage } = cluster.node(3);
    cluster.node(3).diskStalled = true;
    cluster.node(3).receiveSnapshotData(4, ["a", "b"]);
    const snapshot = cluster.node(1).storage.snapshot();
    raw.step({ type: "installSnapshot", from: 1, to: 3, term: 2, snapshot });
    cluster.settle();
    expect(storage.snapshot().index).toBe(1);
    cluster.network.heal();
    cluster.propose(1, "c");
    expect(raw.status()).toMatchObject({ firstIndex: 5, hardState: { commit: 5 } });
    expect(cluster.node(3).applied).toEqual([]);
    raw.forgetLeader();
    raw.campaign();
    expect(raw.status().role).toBe("follower");
    cluster.node(3).diskStalled = false;
    cluster.settle();
    cluster.tickAll(2);
    expect(cluster.node(3).applied).toEqual(["a", "b", "c"]);
  });
});
