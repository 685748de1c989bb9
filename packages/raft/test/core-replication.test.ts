// Raft paper, sections 5.3 (log replication), 5.4.2 (commitment) and figures 7 and 8; dissertation, section 10.2 (pipelining).

import type { Entry, Message, ProgressStatus } from "@titan-kv/raft";
import { Cluster, describeMessage, describeProgress } from "@titan-kv/raft/testing";
import { describe, expect, it } from "vitest";

const encoder = new TextEncoder();

function progressOf(cluster: Cluster, leader: number, replica: number): ProgressStatus {
  const progress = cluster
    .node(leader)
    .raw.status()
    .progress.find((each) => each.replica === replica);
  if (progress === undefined) throw new Error(`no progress of ${replica}`);
  return progress;
}

function logOf(cluster: Cluster, id: number): string[] {
  const { storage } = cluster.node(id);
  const entries = storage.entries(storage.firstIndex(), storage.lastIndex() + 1, Number.MAX_SAFE_INTEGER);
  return entries.map((entry) => `${entry.index}@${entry.term}`);
}

/** Entries of one term, behind the first index of a new group. */
function long(term: number, count: number): Entry[] {
  return Array.from({ length: count }, (_, position) => ({
    type: 0,
    term,
    index: position + 2,
    data: encoder.encode("x"),
  }));
}

function kind(type: Message["type"]): (message: Message) => boolean {
  return (message) => message.type === type;
}

describe("section 5.3: log replication", () => {
  it("with lazyCommit followers learn of the commitment with the next append, or when it is announced", () => {
    const cluster = new Cluster({ voters: [1, 2], config: { lazyCommit: true } });
    cluster.campaign(1);
    const { raw } = cluster.node(1);
    raw.announceCommit();
    cluster.settle();
    cluster.transcript();
    cluster.trace(true);
    expect(raw.owesCommit).toBe(false);
    raw.propose([encoder.encode("a")]);
    cluster.settle();
    expect(cluster.transcript()).toEqual([
      '1→2 append term 2 after 2@2 commit 2 [3@2 "a"]',
      "2→1 append term 2 accepted to 3",
      '1 applies 3@2 "a"',
    ]);
    expect(raw.owesCommit).toBe(true);
    raw.propose([encoder.encode("b")]);
    cluster.settle();
    expect(cluster.transcript()).toEqual([
      '1→2 append term 2 after 3@2 commit 3 [4@2 "b"]',
      '2 applies 3@2 "a"',
      "2→1 append term 2 accepted to 4",
      '1 applies 4@2 "b"',
    ]);
    raw.announceCommit();
    cluster.settle();
    expect(cluster.transcript()[0]).toBe("1→2 append term 2 after 4@2 commit 4");
    expect(raw.owesCommit).toBe(false);
  });

  it("with lazyCommit a follower that reads is told what it has to apply for that", () => {
    const cluster = new Cluster({ voters: [1, 2], config: { lazyCommit: true } });
    cluster.campaign(1);
    cluster.settle();
    cluster.node(1).raw.propose([encoder.encode("a")]);
    cluster.settle();
    cluster.transcript();
    const asked = cluster.node(2).raw.readIndex();
    expect(asked.status).toBe("accepted");
    cluster.settle();
    expect(cluster.transcript()).toContain('2 applies 3@2 "a"');
  });

  it("commands proposed in one turn leave in one append, and followers learn of the commitment at once", () => {
    const cluster = new Cluster({ voters: [1, 2] });
    cluster.campaign(1);
    cluster.transcript();
    cluster.trace(true);
    const node = cluster.node(1).raw;
    expect(node.propose([encoder.encode("a")])).toEqual({ status: "appended", index: 3, term: 2 });
    expect(node.propose([encoder.encode("b"), encoder.encode("c")])).toEqual({
      status: "appended",
      index: 4,
      term: 2,
    });
    cluster.settle();
    expect(cluster.transcript()).toEqual([
      '1→2 append term 2 after 2@2 commit 2 [3@2 "a", 4@2 "b", 5@2 "c"]',
      "2→1 append term 2 accepted to 5",
      '1 applies 3@2 "a"',
      '1 applies 4@2 "b"',
      '1 applies 5@2 "c"',
      "1→2 append term 2 after 5@2 commit 5",
      '2 applies 3@2 "a"',
      '2 applies 4@2 "b"',
      '2 applies 5@2 "c"',
      "2→1 append term 2 accepted to 5",
    ]);
  });

  it("figure 7: a new leader brings every kind of diverged follower into line", () => {
    // The leader's log is (term@index) 1 1 1 4 4 5 5 6 6 6; the followers are (a) to (f) of the figure, terms raised by one
    // because the group begins with an entry of term 1.
    const terms: Record<number, number[]> = {
      1: [2, 2, 2, 5, 5, 6, 6, 7, 7, 7],
      2: [2, 2, 2, 5, 5, 6, 6, 7, 7],
      3: [2, 2, 2, 5],
      4: [2, 2, 2, 5, 5, 6, 6, 7, 7, 7, 7],
      5: [2, 2, 2, 5, 5, 6, 6, 7, 7, 7, 8, 8],
      6: [2, 2, 2, 5, 5, 5, 5],
      7: [2, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4],
    };
    const ids = [1, 2, 3, 4, 5, 6, 7];
    const cluster = new Cluster({ voters: ids });
    for (const id of ids) {
      const entries = (terms[id] ?? []).map((term, position) => ({
        type: 0 as const,
        term,
        index: position + 2,
        data: encoder.encode(`${position + 2}@${term}`),
      }));
      const hardState = { term: id === 1 ? 8 : (entries.at(-1)?.term ?? 0), vote: 0, commit: 1 };
      cluster.node(id).storage.write({ hardState, entries });
      cluster.node(id).restart();
    }
    cluster.network.lose((message) => message.type === "voteRequest" && message.to === 5);
    cluster.campaign(1);
    expect(cluster.inRole("leader")).toEqual([1]);
    cluster.network.heal();
    cluster.tickAll(3);
    for (const id of ids) expect(logOf(cluster, id)).toEqual(logOf(cluster, 1));
    for (const id of ids) expect(cluster.node(id).applied).toHaveLength(10);
  });

  it("backs off by a term per rejection, not by an entry (section 5.3, last paragraphs)", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.node(1).storage.write({ hardState: { term: 3, vote: 0, commit: 1 }, entries: long(3, 500) });
    cluster.node(2).storage.write({ hardState: { term: 3, vote: 0, commit: 1 }, entries: long(3, 500) });
    cluster.node(3).storage.write({ hardState: { term: 2, vote: 0, commit: 1 }, entries: long(2, 400) });
    for (const node of cluster.nodes) node.restart();
    cluster.transcript();
    cluster.trace(true);
    cluster.campaign(1);
    const rejections = cluster
      .transcript()
      .filter((line) => line.startsWith("3→1") && line.includes("rejected"));
    expect(rejections).toEqual(["3→1 append term 4 rejected at 501 hint 401@2"]);
    expect(logOf(cluster, 3)).toEqual(logOf(cluster, 1));
  });

  it("a delayed append does not take back what a newer one brought", () => {
    const cluster = new Cluster({ voters: [1, 2] });
    cluster.campaign(1);
    cluster.node(1).raw.propose([encoder.encode("a")]);
    cluster.node(1).work();
    const delayed = cluster.network.intercept(kind("appendRequest"));
    cluster.node(1).raw.propose([encoder.encode("b")]);
    cluster.node(1).work();
    for (const message of delayed) cluster.hand(message);
    cluster.settle();
    expect(cluster.node(2).applied).toEqual(["a", "b"]);
    for (const message of delayed) cluster.hand(message);
    cluster.settle();
    expect(logOf(cluster, 2)).toEqual(["2@2", "3@2", "4@2"]);
  });

  it("a commit index beyond the entries of a message says nothing about what lies behind them here", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.node(3).storage.write({ hardState: { term: 2, vote: 0, commit: 1 }, entries: long(2, 5) });
    cluster.node(3).restart();
    cluster.node(3).raw.step({
      type: "appendRequest",
      from: 1,
      to: 3,
      term: 3,
      previousIndex: 2,
      previousTerm: 2,
      entries: [],
      commit: 6,
    });
    expect(cluster.node(3).raw.status().hardState.commit).toBe(2);
  });

  it("an acknowledgement of more than the leader has stops the leader: its log lost something", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    const forged: Message = {
      type: "appendResponse",
      from: 2,
      to: 1,
      term: 2,
      index: 99,
      reject: false,
      hintIndex: 0,
      hintTerm: 0,
    };
    expect(() => cluster.node(1).raw.step(forged)).toThrow(/has entry 99, which its leader lost/);
  });

  it("a follower that lost what it had acknowledged stops instead of pretending (etcd #17081)", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.propose(1, "x");
    const heartbeat: Message = { type: "heartbeat", from: 1, to: 2, term: 2, commit: 50, round: 1 };
    expect(() => cluster.node(2).raw.step(heartbeat)).toThrow(/it lost entries/);
  });
});

describe("section 5.4.2: committing entries from previous terms", () => {
  it("figure 8: an entry of an older term is not committed by counting replicas", () => {
    const cluster = new Cluster({ voters: [1, 2, 3, 4, 5] });
    cluster.campaign(1);
    // (a) Leader 1 replicates an entry to 2 only.
    cluster.network.partition([[1, 2]]);
    cluster.propose(1, "older");
    // (b) 5 leads the next term with the votes of 3 and 4, and writes an entry only to itself.
    cluster.network.partition([[3, 4, 5]]);
    cluster.tickAll(20, [3, 4, 5]);
    cluster.network.lose(kind("appendRequest"));
    cluster.campaign(5);
    cluster.network.heal();
    const rivals = cluster.inRole("leader").filter((id) => id !== 1);
    expect(rivals).toHaveLength(1);
    // (c) 1 comes back as a leader of a later term and brings the older entry to 3, but none of its own term.
    cluster.node(1).raw.stepDown();
    cluster.network.partition([[1, 2, 3]]);
    for (const id of [1, 2, 3]) cluster.node(id).raw.forgetLeader();
    cluster.network.lose(
      (message) => message.type === "appendRequest" && message.entries.some((entry) => entry.term > 2),
    );
    for (let attempt = 0; attempt < 60 && !cluster.inRole("leader").includes(1); attempt += 1)
      cluster.tick(1);
    const { term, commit } = cluster.node(1).raw.status().hardState;
    expect(term).toBeGreaterThan(2);
    expect(commit).toBe(2);
  });

  it("older entries are committed with the first of the new term", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.network.lose(kind("appendResponse"));
    cluster.propose(1, "x");
    cluster.network.heal();
    cluster.node(1).raw.stepDown();
    for (const node of cluster.nodes) node.raw.forgetLeader();
    cluster.campaign(2);
    for (const node of cluster.nodes) expect(node.applied).toEqual(["x"]);
  });
});

describe("flow control", () => {
  const config = { maxBytesPerMessage: 10, maxInflightMessages: 3, maxInflightBytes: 1000 };

  it("a pipeline carries a limited number of appends of limited size", () => {
    const cluster = new Cluster({ voters: [1, 2], config });
    cluster.campaign(1);
    const data = Array.from({ length: 10 }, () => encoder.encode("12345"));
    cluster.node(1).raw.propose(data);
    cluster.node(1).work();
    const sent = cluster.network.intercept(kind("appendRequest"));
    expect(sent.map((message) => describeMessage(message, String, (bytes) => String(bytes.length)))).toEqual([
      "1→2 append term 2 after 2@2 commit 2 [3@2 5, 4@2 5]",
      "1→2 append term 2 after 4@2 commit 2 [5@2 5, 6@2 5]",
      "1→2 append term 2 after 6@2 commit 2 [7@2 5, 8@2 5]",
    ]);
    expect(describeProgress(progressOf(cluster, 1, 2))).toBe("2: replicate match 2 next 9 paused inflight 3");
    for (const message of sent) cluster.hand(message);
    cluster.settle();
    expect(describeProgress(progressOf(cluster, 1, 2))).toBe("2: replicate match 12 next 13");
  });

  it("bytes under way are limited too, softly", () => {
    const cluster = new Cluster({
      voters: [1, 2],
      config: { ...config, maxInflightBytes: 25, maxInflightMessages: 100 },
    });
    cluster.campaign(1);
    cluster.node(1).raw.propose(Array.from({ length: 10 }, () => encoder.encode("12345")));
    cluster.node(1).work();
    expect(cluster.network.intercept(kind("appendRequest"))).toHaveLength(3);
  });

  it("a pipeline whose messages were all lost recovers by the answers to heartbeats (etcd #14633)", () => {
    const cluster = new Cluster({ voters: [1, 2], config });
    cluster.campaign(1);
    cluster.network.lose(kind("appendRequest"));
    cluster.propose(1, ...Array.from({ length: 10 }, () => "12345"));
    expect(progressOf(cluster, 1, 2)).toMatchObject({ paused: true, match: 2 });
    cluster.network.heal();
    cluster.tick(1, 2);
    expect(cluster.node(2).applied).toHaveLength(10);
  });

  it("a single lost append in the middle of the stream is noticed by the next", () => {
    const cluster = new Cluster({ voters: [1, 2] });
    cluster.campaign(1);
    cluster.node(1).raw.propose([encoder.encode("lost")]);
    cluster.node(1).work();
    cluster.network.intercept(kind("appendRequest"));
    cluster.propose(1, "next");
    expect(cluster.node(2).applied).toEqual(["lost", "next"]);
  });

  it("an unreachable peer is probed until it answers", () => {
    const cluster = new Cluster({ voters: [1, 2] });
    cluster.campaign(1);
    cluster.node(1).raw.reportUnreachable(2);
    expect(progressOf(cluster, 1, 2).state).toBe("probe");
    cluster.propose(1, "x");
    expect(progressOf(cluster, 1, 2).state).toBe("replicate");
  });

  it("what waits for commitment is limited, and a refusal appends nothing", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], config: { maxUncommittedBytes: 10 } });
    cluster.campaign(1);
    cluster.network.partition([]);
    expect(cluster.propose(1, "a command of any size if nothing waits")).toMatchObject({
      status: "appended",
    });
    const before = cluster.node(1).raw.status().lastIndex;
    expect(cluster.propose(1, "12345")).toEqual({ status: "dropped", reason: "overloaded" });
    expect(cluster.node(1).raw.status().lastIndex).toBe(before);
    cluster.network.heal();
    cluster.tickAll(2);
    expect(cluster.propose(1, "12345")).toMatchObject({ status: "appended" });
    cluster.change(1, { transition: "auto", changes: [{ type: "remove", replica: 3 }] });
    expect(cluster.node(1).raw.status().uncommittedBytes).toBe(0);
  });

  it("what is handed out for application is limited until it is reported applied", () => {
    const cluster = new Cluster({
      voters: [1],
      config: { asyncStorageWrites: true, maxCommittedBytesPerReady: 8 },
    });
    const { raw, storage } = cluster.node(1);
    cluster.campaign(1);
    raw.propose([encoder.encode("1234"), encoder.encode("5678"), encoder.encode("9")]);
    const { append } = raw.readyAsync();
    storage.write(append!);
    raw.appended(append!);
    const first = raw.readyAsync().apply!;
    expect(first.entries).toHaveLength(2);
    expect(raw.readyAsync().apply).toBeUndefined();
    raw.applied(first);
    expect(raw.readyAsync().apply!.entries).toHaveLength(1);
  });
});

describe("proposals say what became of them", () => {
  it("a follower refuses, and names no reason to hope", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    expect(cluster.propose(2, "x")).toEqual({ status: "dropped", reason: "noLeader" });
    cluster.campaign(1);
    expect(cluster.propose(2, "x")).toEqual({ status: "dropped", reason: "notLeader" });
    expect(cluster.node(1).applied).toEqual([]);
  });

  it("nothing is not a proposal", () => {
    const cluster = new Cluster({ voters: [1] });
    cluster.campaign(1);
    expect(() => cluster.propose(1)).toThrow(/nothing to propose/);
  });

  it("a follower forwards, when that is enabled", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], config: { proposalForwarding: true } });
    cluster.campaign(1);
    expect(cluster.propose(2, "x", "y")).toEqual({ status: "forwarded", leader: 1 });
    expect(cluster.node(3).applied).toEqual(["x", "y"]);
  });

  it("an entry of another term at the index of a proposal means that it is lost", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.network.partition([[2, 3]]);
    const lost = cluster.propose(1, "lost");
    cluster.tickAll(20, [2, 3]);
    cluster.network.heal();
    cluster.tickAll(3);
    expect(lost).toEqual({ status: "appended", index: 3, term: 2 });
    expect(cluster.node(1).storage.term(3)).toBe(3);
    expect(cluster.node(1).applied).toEqual([]);
  });
});
