// What must be on disk before what is said: the asynchronous mode, in which several writes are under way.

import { type AsyncReady, type Message, RawNode, type StorageAppend } from "@titan-kv/raft";
import { Cluster, describeMessage, describeReady, MemoryStorage } from "@titan-kv/raft/testing";
import { describe, expect, it } from "vitest";

const encoder = new TextEncoder();
const config = { asyncStorageWrites: true };

function make(id: number, storage: MemoryStorage): RawNode {
  return new RawNode({
    id,
    storage,
    incarnation: 1,
    randomElectionTicks: () => 0,
    electionTick: 10,
    heartbeatTick: 1,
    asyncStorageWrites: true,
  });
}

function texts(messages: readonly Message[]): string[] {
  return messages.map((message) => describeMessage(message));
}

function writeOf(ready: AsyncReady): StorageAppend {
  if (ready.append === undefined) throw new Error("there is nothing to write");
  return ready.append;
}

function append(
  term: number,
  after: [index: number, term: number],
  entries: [number, string][],
  commit = 1,
): Message {
  const [previousIndex, previousTerm] = after;
  return {
    type: "appendRequest",
    from: term,
    to: 1,
    term,
    previousIndex,
    previousTerm,
    commit,
    entries: entries.map(([entryTerm, text], position) => ({
      type: 0,
      term: entryTerm,
      index: previousIndex + 1 + position,
      data: encoder.encode(text),
    })),
  };
}

describe("votes", () => {
  it("a vote is told only when it is durable, in one write with its term (hashicorp/raft #661)", () => {
    const node = make(1, MemoryStorage.bootstrap([1, 2, 3]));
    node.step({
      type: "voteRequest",
      from: 2,
      to: 1,
      term: 5,
      preVote: false,
      lastIndex: 1,
      lastTerm: 1,
      transfer: false,
      commit: 1,
      commitTerm: 1,
    });
    const ready = node.readyAsync();
    expect(describeReady(ready)).toEqual(["term 5 vote 2 commit 1", "when durable 1→2 vote term 5 granted"]);
    expect(ready.messages).toEqual([]);
    expect(writeOf(ready).mustSync).toBe(true);
  });

  it("a replica that crashes after voting does not vote again in that term", () => {
    const storage = MemoryStorage.bootstrap([1, 2, 3]);
    const request: Message = {
      type: "voteRequest",
      from: 2,
      to: 1,
      term: 5,
      preVote: false,
      lastIndex: 1,
      lastTerm: 1,
      transfer: false,
      commit: 1,
      commitTerm: 1,
    };
    const node = make(1, storage);
    node.step(request);
    storage.write(writeOf(node.readyAsync()));
    const reborn = make(1, storage);
    reborn.step({ ...request, from: 3 });
    expect(texts(writeOf(reborn.readyAsync()).messages)).toEqual(["1→3 vote term 5 refused"]);
  });

  it("a candidate leads only when its own vote is durable, however many others have voted for it", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], config });
    cluster.node(1).diskStalled = true;
    cluster.campaign(1);
    expect(cluster.node(1).raw.status().role).toBe("candidate");
    cluster.node(1).diskStalled = false;
    cluster.settle();
    expect(cluster.inRole("leader")).toEqual([1]);
  });

  it("a candidate that crashed before its vote was durable cannot lead the same term twice", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], config: { ...config, checkQuorum: false } });
    cluster.node(1).diskStalled = true;
    cluster.campaign(1);
    cluster.network.lose((message) => message.to === 3 && message.type === "appendRequest");
    cluster.propose(1, "first life");
    cluster.node(1).restart();
    cluster.node(1).diskStalled = false;
    for (const id of [2, 3]) cluster.node(id).raw.forgetLeader();
    cluster.campaign(1);
    cluster.network.heal();
    cluster.propose(1, "second life");
    cluster.tickAll(3);
    for (const node of cluster.nodes) expect(node.applied).toEqual(["second life"]);
  });
});

describe("entries", () => {
  it("the only voter commits nothing before its own disk has it (etcd #14370)", () => {
    const cluster = new Cluster({ voters: [1], config });
    cluster.campaign(1);
    cluster.node(1).diskStalled = true;
    cluster.propose(1, "x");
    expect(cluster.node(1).applied).toEqual([]);
    cluster.node(1).diskStalled = false;
    cluster.settle();
    expect(cluster.node(1).applied).toEqual(["x"]);
  });

  it("a leader with a slow disk commits with its followers' disks, and applies when its own has caught up", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], config });
    cluster.campaign(1);
    cluster.node(1).diskStalled = true;
    cluster.propose(1, "x");
    expect(cluster.node(1).raw.status().hardState.commit).toBe(3);
    expect(cluster.node(2).applied).toEqual(["x"]);
    expect(cluster.node(1).applied).toEqual([]);
    cluster.node(1).diskStalled = false;
    cluster.settle();
    expect(cluster.node(1).applied).toEqual(["x"]);
  });

  it("a follower acknowledges in the order of its writes, each when it is durable", () => {
    const node = make(1, MemoryStorage.bootstrap([1, 2, 3]));
    node.step(append(2, [1, 1], [[2, "a"]]));
    const first = writeOf(node.readyAsync());
    node.step(append(2, [2, 2], [[2, "b"]]));
    const second = writeOf(node.readyAsync());
    expect(texts(first.messages)).toEqual(["1→2 append term 2 accepted to 2"]);
    expect(texts(second.messages)).toEqual(["1→2 append term 2 accepted to 3"]);
    expect(first.entries.map((entry) => entry.index)).toEqual([2]);
    expect(second.entries.map((entry) => entry.index)).toEqual([3]);
  });

  it("acknowledgements of one turn become one", () => {
    const node = make(1, MemoryStorage.bootstrap([1, 2, 3]));
    node.step(append(2, [1, 1], [[2, "a"]]));
    node.step(append(2, [2, 2], [[2, "b"]]));
    expect(texts(writeOf(node.readyAsync()).messages)).toEqual(["1→2 append term 2 accepted to 3"]);
  });

  it("the answer to an append that brings nothing waits for the writes before it", () => {
    const node = make(1, MemoryStorage.bootstrap([1, 2, 3]));
    const message = append(2, [1, 1], [[2, "a"]]);
    node.step(message);
    node.readyAsync();
    node.step(message);
    const again = node.readyAsync();
    expect(again.messages).toEqual([]);
    expect(texts(writeOf(again).messages)).toEqual(["1→2 append term 2 accepted to 2"]);
  });

  it("a write of an older term proves nothing about what replaced its entries (the A-B-A of in-flight writes)", () => {
    const storage = MemoryStorage.bootstrap([1, 2, 3]);
    const node = make(1, storage);
    // Term 2 writes an entry, term 3 replaces it, and term 4 brings the first one back before any write is reported.
    node.step(append(2, [1, 1], [[2, "a"]]));
    const first = writeOf(node.readyAsync());
    node.step(append(3, [1, 1], [[3, "b"]]));
    const second = writeOf(node.readyAsync());
    node.step(
      append(
        4,
        [1, 1],
        [
          [2, "a"],
          [4, "c"],
        ],
      ),
    );
    const third = writeOf(node.readyAsync());
    storage.write(first);
    node.appended(first);
    storage.write(second);
    node.appended(second);
    // Storage now ends with term 3. Had the first report counted, the tail would believe entry 2 of term 2 durable.
    expect(node.status().lastIndex).toBe(3);
    storage.write(third);
    node.appended(third);
    expect(storage.term(2)).toBe(2);
    expect(storage.term(3)).toBe(4);
    node.step(append(4, [3, 4], [], 3));
    const { apply } = node.readyAsync();
    expect(apply?.entries.map((entry) => `${entry.index}@${entry.term}`)).toEqual(["2@2", "3@4"]);
  });

  it("a commit index alone needs no sync", () => {
    const storage = MemoryStorage.bootstrap([1, 2, 3]);
    const node = make(1, storage);
    node.step(append(2, [1, 1], [[2, "a"]]));
    const first = writeOf(node.readyAsync());
    expect(first.mustSync).toBe(true);
    storage.write(first);
    node.appended(first);
    node.step(append(2, [2, 2], [], 2));
    const second = writeOf(node.readyAsync());
    expect(second).toMatchObject({ mustSync: false, hardState: { commit: 2 }, entries: [] });
  });
});

describe("restart", () => {
  it("a commit index that was not written does not take back what was applied", () => {
    const storage = MemoryStorage.bootstrap([1]);
    storage.write({ entries: [{ type: 0, term: 1, index: 2, data: encoder.encode("x") }] });
    const node = new RawNode({ id: 1, storage, incarnation: 2, applied: 2, randomElectionTicks: () => 0 });
    expect(node.status()).toMatchObject({ applied: 2, hardState: { commit: 2 } });
  });

  it("refuses a log that ends before what was committed", () => {
    const storage = MemoryStorage.bootstrap([1]);
    storage.write({ hardState: { term: 3, vote: 1, commit: 9 }, entries: [] });
    expect(() => make(1, storage)).toThrow(/it lost entries/);
  });

  it("refuses an application that is behind the snapshot", () => {
    const storage = MemoryStorage.bootstrap([1]);
    expect(
      () => new RawNode({ id: 1, storage, incarnation: 2, applied: 0, randomElectionTicks: () => 0 }),
    ).toThrow(/restore the snapshot first/);
  });

  it("refuses options that make no sense, and names them", () => {
    const storage = MemoryStorage.bootstrap([1]);
    const base = { id: 1, storage, incarnation: 1, randomElectionTicks: () => 0 };
    expect(() => new RawNode({ ...base, id: 0 })).toThrow(/id must be/);
    expect(() => new RawNode({ ...base, electionTick: 2, heartbeatTick: 2 })).toThrow(/electionTick/);
    expect(() => new RawNode({ ...base, maxInflightBytes: 1 })).toThrow(/maxInflightBytes/);
    expect(() => new RawNode({ ...base, readMode: "lease" })).toThrow(/monotonicTicks/);
  });

  it("modes do not mix", () => {
    const node = make(1, MemoryStorage.bootstrap([1]));
    expect(() => node.ready()).toThrow(/asyncStorageWrites/);
    expect(() => node.advance()).toThrow(/ready first/);
  });
});
