// Linearizable reads: dissertation, sections 6.4 (read index) and 6.4.1 (leases).

import type { Message } from "@titan-kv/raft";
import { Cluster } from "@titan-kv/raft/testing";
import { describe, expect, it } from "vitest";

function kind(type: Message["type"]): (message: Message) => boolean {
  return (message) => message.type === type;
}

/** Three replicas with leases, on one clock that the test moves. */
function leasing(): { cluster: Cluster; clock: { ticks: number } } {
  // Every replica begins as if it had just promised not to elect anybody; at 0 that time is over.
  const clock = { ticks: -20 };
  const cluster = new Cluster({
    voters: [1, 2, 3],
    config: { readMode: "lease", monotonicTicks: () => clock.ticks, maxClockDriftTicks: 1 },
  });
  clock.ticks = 0;
  return { cluster, clock };
}

describe("section 6.4: reads confirmed by a round of heartbeats", () => {
  it("a read waits for a majority to confirm the leader, and all reads of a turn share a round", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.propose(1, "x");
    cluster.transcript();
    cluster.trace(true);
    const { raw, readStates } = cluster.node(1);
    expect(raw.readIndex()).toEqual({ status: "accepted", ticket: 1 });
    expect(raw.readIndex()).toEqual({ status: "accepted", ticket: 2 });
    expect(readStates).toEqual([]);
    cluster.settle();
    expect(readStates).toEqual([
      { ticket: 1, index: 3 },
      { ticket: 2, index: 3 },
    ]);
    expect(cluster.transcript()).toEqual([
      "1→2 heartbeat term 2 commit 3 round 1",
      "1→3 heartbeat term 2 commit 3 round 1",
      "2→1 heartbeat term 2 answered round 1",
      "3→1 heartbeat term 2 answered round 1",
    ]);
  });

  it("a leader that was replaced without noticing answers no read", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.network.partition([[2, 3]]);
    cluster.tickAll(20, [2, 3]);
    cluster.propose(2, "newer");
    expect(cluster.inRole("leader")).toEqual([1, 2]);
    cluster.read(1);
    cluster.tickAll(5, [1]);
    expect(cluster.node(1).readStates).toEqual([]);
  });

  it("reads of a new leader wait until an entry of its own term is committed (etcd #7331)", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    // 1 commits an entry; 2 has it and does not know that it is committed when it comes to lead.
    cluster.network.lose((message) => message.type === "appendRequest" && message.to === 3);
    cluster.node(1).raw.propose([new TextEncoder().encode("acknowledged")]);
    cluster.node(1).work();
    cluster.deliver();
    cluster.node(2).work();
    cluster.network.partition([[2, 3]]);
    cluster.tickAll(20, [2, 3]);
    expect(cluster.inRole("leader")).toContain(2);
    cluster.network.heal();
    cluster.read(2);
    cluster.tickAll(1);
    expect(cluster.node(2).readStates).toHaveLength(1);
    expect(cluster.node(2).readStates[0]?.index).toBeGreaterThanOrEqual(3);
  });

  it("an early read gets its index only when the term has a committed entry", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.network.lose(kind("appendResponse"));
    cluster.campaign(1);
    cluster.read(1);
    cluster.tickAll(3);
    expect(cluster.node(1).raw.status()).toMatchObject({ role: "leader", pendingReads: 1 });
    expect(cluster.node(1).readStates).toEqual([]);
    cluster.network.heal();
    cluster.tickAll(2);
    expect(cluster.node(1).readStates).toEqual([{ ticket: 1, index: 2 }]);
  });

  it("answers to an older round confirm no newer read, also when they come twice (etcd #20418)", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.node(1).raw.readIndex();
    cluster.node(1).work();
    cluster.deliver();
    for (const id of [2, 3]) cluster.node(id).work();
    const old = cluster.network.intercept(kind("heartbeatResponse"));
    expect(old).toHaveLength(2);
    cluster.network.partition([]);
    // The first answer is lost, the read is asked again, and then copies of the old answers arrive.
    cluster.node(1).raw.readIndex();
    cluster.node(1).work();
    for (const message of [...old, ...old]) cluster.node(1).raw.step(message);
    cluster.node(1).work();
    expect(cluster.node(1).readStates).toEqual([{ ticket: 1, index: 2 }]);
    cluster.network.heal();
    cluster.tickAll(1);
    expect(cluster.node(1).readStates.map((state) => state.ticket)).toEqual([1, 2]);
  });

  it("a follower asks the leader, and reads by itself", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.propose(1, "x");
    expect(cluster.read(3)).toEqual({ status: "accepted", ticket: 1 });
    expect(cluster.node(3).readStates).toEqual([{ ticket: 1, index: 3 }]);
  });

  it("an answer meant for an earlier life of the asker is no answer", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.node(3).raw.readIndex();
    cluster.node(3).work();
    cluster.deliver();
    cluster.node(1).work();
    cluster.deliver();
    for (const id of [2, 3]) cluster.node(id).work();
    cluster.deliver();
    cluster.node(1).work();
    const late = cluster.network.intercept(kind("readResponse"));
    expect(late).toHaveLength(1);
    cluster.node(3).restart();
    cluster.tickAll(1);
    cluster.propose(1, "newer");
    cluster.node(3).raw.readIndex();
    for (const message of late) cluster.hand(message);
    cluster.node(3).work();
    expect(cluster.node(3).readStates).toEqual([]);
    cluster.settle();
    expect(cluster.node(3).readStates).toEqual([{ ticket: 1, index: 3 }]);
  });

  it("reads that a leader can no longer answer are given back", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.campaign(1);
    cluster.network.partition([]);
    const { raw } = cluster.node(1);
    raw.readIndex();
    cluster.node(1).work();
    raw.stepDown();
    expect(raw.ready().abandonedReads).toEqual([1]);
  });

  it("too many waiting reads are refused", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], config: { maxPendingReads: 2 } });
    cluster.campaign(1);
    cluster.network.partition([]);
    expect(cluster.read(1).status).toBe("accepted");
    expect(cluster.read(1).status).toBe("accepted");
    expect(cluster.read(1)).toEqual({ status: "dropped", reason: "overloaded" });
  });

  it("the only voter answers at once", () => {
    const cluster = new Cluster({ voters: [1] });
    cluster.campaign(1);
    cluster.read(1);
    expect(cluster.node(1).readStates).toEqual([{ ticket: 1, index: 2 }]);
  });
});

describe("section 6.4.1: leases", () => {
  it("a lease answers without asking, and ends by the clock even if no tick was noticed", () => {
    const { cluster, clock } = leasing();
    cluster.campaign(1);
    cluster.tick(1);
    cluster.network.partition([]);
    cluster.read(1);
    expect(cluster.node(1).readStates).toHaveLength(1);
    clock.ticks = 8.9;
    cluster.read(1);
    expect(cluster.node(1).readStates).toHaveLength(2);
    // The process was stopped: no tick passed, but time did.
    clock.ticks = 9.1;
    cluster.read(1);
    expect(cluster.node(1).readStates).toHaveLength(2);
  });

  it("a read that wants to be confirmed asks a majority although the lease holds", () => {
    const { cluster } = leasing();
    cluster.campaign(1);
    cluster.tick(1);
    cluster.network.partition([]);
    const { raw, readStates } = cluster.node(1);
    expect(raw.status().leaseValid).toBe(true);
    raw.readIndex({ confirm: true });
    cluster.settle();
    expect(readStates).toEqual([]);
    raw.readIndex();
    cluster.settle();
    expect(readStates).toHaveLength(1);
  });

  it("a lease counts from when the round was sent, not from when it was answered", () => {
    const { cluster, clock } = leasing();
    cluster.campaign(1);
    cluster.node(1).raw.tick();
    cluster.node(1).work();
    cluster.deliver();
    clock.ticks = 5;
    cluster.settle();
    cluster.network.partition([]);
    clock.ticks = 9.1;
    cluster.read(1);
    expect(cluster.node(1).readStates).toEqual([]);
  });

  it("followers keep their promise by the clock, however many ticks are caught up on", () => {
    const { cluster, clock } = leasing();
    cluster.campaign(1);
    cluster.tick(1);
    cluster.network.partition([[2, 3]]);
    cluster.tickAll(40, [2, 3]);
    expect(cluster.inRole("leader")).toEqual([1]);
    clock.ticks = 10.1;
    cluster.tickAll(40, [2, 3]);
    expect(cluster.inRole("leader")).toHaveLength(2);
    cluster.read(1);
    expect(cluster.node(1).readStates).toEqual([]);
  });

  it("a replica that was restarted keeps the promise of its earlier life", () => {
    const { cluster, clock } = leasing();
    cluster.campaign(1);
    cluster.tick(1);
    cluster.network.partition([[2, 3]]);
    cluster.node(2).restart();
    cluster.node(3).restart();
    cluster.tickAll(40, [2, 3]);
    cluster.campaign(2);
    expect(cluster.inRole("leader")).toEqual([1]);
    clock.ticks = 10.1;
    cluster.campaign(2);
    expect(cluster.inRole("leader")).toEqual([1, 2]);
  });

  it("a promise is kept in a newer term that has no leader", () => {
    const { cluster, clock } = leasing();
    cluster.campaign(1);
    cluster.tick(1);
    expect(cluster.node(1).raw.status().leaseValid).toBe(true);
    const { raw } = cluster.node(2);
    const outdated = { index: 0, reject: true, hintIndex: 0, hintTerm: 0 };
    raw.step({ type: "appendResponse", from: 3, to: 2, term: 5, ...outdated });
    const vote = { lastIndex: 99, lastTerm: 5, commit: 1, commitTerm: 1, preVote: false, transfer: false };
    raw.step({ type: "voteRequest", from: 3, to: 2, term: 5, ...vote });
    expect(raw.status().hardState).toMatchObject({ term: 5, vote: 0 });
    clock.ticks = 10.1;
    raw.step({ type: "voteRequest", from: 3, to: 2, term: 5, ...vote });
    expect(raw.status().hardState).toMatchObject({ term: 5, vote: 3 });
  });

  it("a leader that has asked another to take over reads by rounds for the rest of its term (etcd-io/raft #99)", () => {
    const { cluster } = leasing();
    cluster.campaign(1);
    cluster.tick(1);
    cluster.node(1).raw.transferLeader(2);
    cluster.node(1).work();
    const late = cluster.network.intercept(kind("timeoutNow"));
    expect(late).toHaveLength(1);
    // The transfer is given up; the request is still under way, and would be obeyed.
    cluster.tickAll(25);
    expect(cluster.inRole("leader")).toEqual([1]);
    expect(cluster.node(1).raw.status()).toMatchObject({ transferTarget: 0, leaseValid: false });
    for (const message of late) cluster.hand(message);
    cluster.settle();
    expect(cluster.inRole("leader")).toEqual([2]);
  });

  it("a suspension ends the lease", () => {
    const { cluster } = leasing();
    cluster.campaign(1);
    cluster.tick(1);
    expect(cluster.node(1).raw.status().leaseValid).toBe(true);
    cluster.node(1).raw.suspend();
    expect(cluster.node(1).raw.status().leaseValid).toBe(false);
    cluster.tick(1);
    expect(cluster.node(1).raw.status().leaseValid).toBe(true);
  });

  it("a change of configuration ends the lease, which rested on the old majority", () => {
    const { cluster } = leasing();
    cluster.campaign(1);
    cluster.tick(1);
    cluster.network.lose(kind("heartbeatResponse"));
    cluster.change(1, { transition: "auto", changes: [{ type: "remove", replica: 3 }] });
    expect(cluster.node(1).raw.status()).toMatchObject({ role: "leader", leaseValid: false });
  });
});
