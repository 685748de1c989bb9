import { beforeEach, describe, expect, test } from "vitest";
import {
  Host,
  type HostEvent,
  type HostLimits,
  type LogWrite,
  MemoryLog,
  type Metrics,
  type RaftGroup,
  type StateMachine,
} from "../src/host/index.ts";
import type { Entry } from "../src/index.ts";
import { clusterNumber, FrameWriter } from "../src/host/frame-codec.ts";
import { nth, text, WordList } from "./host-cluster.ts";
import { settle, VirtualTime } from "./virtual-time.ts";
import { seeded } from "./wal-disk.ts";

/** A log whose disk can be made to hang. */
class HangingLog extends MemoryLog {
  readonly #time: VirtualTime;
  hangs = false;
  #waiting: { readonly sinceMs: number; readonly go: () => void }[] = [];

  constructor(time: VirtualTime) {
    super();
    this.#time = time;
  }

  override async append(batch: readonly LogWrite[]): Promise<void> {
    if (this.hangs) {
      await new Promise<void>((go) => {
        this.#waiting.push({ sinceMs: this.#time.now(), go });
      });
    }
    await super.append(batch);
  }

  override oldestPendingMs(): number {
    const [oldest] = this.#waiting;
    return oldest === undefined ? 0 : this.#time.now() - oldest.sinceMs;
  }

  recover(): void {
    this.hangs = false;
    for (const { go } of this.#waiting.splice(0)) go();
  }
}

const electionMs = 1000;
let time: VirtualTime;
let hosts: Host[];
let logs: HangingLog[];
let lists: WordList[];
let groups: RaftGroup<number>[];
let events: { node: number; event: HostEvent }[];
let frames: { from: number; to: number; bytes: number }[];
let counts: Map<string, number>;
let cut: Set<number>;

beforeEach(() => {
  time = new VirtualTime();
  hosts = [];
  logs = [];
  lists = [];
  groups = [];
  events = [];
  frames = [];
  counts = new Map();
  cut = new Set();
});

async function start(options: { quiet?: boolean; limits?: HostLimits; voters?: number } = {}): Promise<void> {
  const voters = Array.from({ length: options.voters ?? 3 }, (_, at) => at + 1);
  const metrics: Metrics = {
    count: (name, by) => counts.set(name, (counts.get(name) ?? 0) + by),
    observe: () => undefined,
  };
  for (const node of voters) {
    const random = seeded(node);
    const log = new HangingLog(time);
    const host = new Host({
      node,
      cluster: "rules",
      log,
      transport: {
        send: (to, frame) => {
          if (cut.has(node) || cut.has(to)) return false;
          frames.push({ from: node, to, bytes: frame.length });
          time.after(1, () => hosts[to - 1]?.receive(node, frame));
          return true;
        },
      },
      clock: time,
      scheduler: time,
      rng: { below: (bound) => Math.floor(random() * bound) },
      metrics,
      onEvent: (event) => {
        events.push({ node, event });
      },
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    const list = new WordList();
    lists.push(list);
    hosts.push(host);
    logs.push(log);
    groups.push(
      await host.createGroup({
        group: 1,
        replica: node,
        stateMachine: list,
        voters,
        quiet: options.quiet ?? false,
      }),
    );
  }
  nth(groups, 0).campaign();
  await time.pass(200);
}

function ofType(type: HostEvent["type"]): number[] {
  return events.filter(({ event }) => event.type === type).map(({ node }) => node);
}

function leaders(): number[] {
  return groups.filter((group) => group.status().role === "leader").map(({ replica }) => replica);
}

/** What a promise has come to by now. */
async function stateOf(promise: Promise<unknown>): Promise<unknown> {
  let state: unknown = "pending";
  promise.then(
    (value) => (state = value),
    (error: unknown) => (state = error),
  );
  await settle();
  return state;
}

describe("a disk that hangs", () => {
  test("takes proposals no longer after an election timeout, and leadership away after two", async () => {
    await start();
    expect(leaders()).toEqual([1]);
    nth(logs, 0).hangs = true;
    const first = nth(groups, 0).propose(text("goes on"));
    await time.pass(100);
    // The followers' disks are well: the entry is committed, but the leader does not apply what it does not have.
    expect(await stateOf(first)).toBe("pending");
    expect(nth(lists, 1).words).toEqual(["goes on"]);
    await time.pass(electionMs);
    await expect(nth(groups, 0).propose(text("refused"))).rejects.toMatchObject({ reason: "overloaded" });
    await time.pass(electionMs + 500);
    expect(ofType("diskStalled")).toEqual([1]);
    expect(leaders()).not.toContain(1);
    expect(leaders().length).toBe(1);
    await time.pass(5 * electionMs);
    expect(leaders()).not.toContain(1);
    nth(logs, 0).recover();
    await time.pass(200);
    expect(ofType("diskRecovered")).toEqual([1]);
    expect(nth(lists, 0).words).toEqual(["goes on"]);
  });
});

describe("a promise to another replica", () => {
  test("leaves when the disk has what it promises, not before", async () => {
    await start();
    nth(logs, 1).hangs = true;
    nth(logs, 2).hangs = true;
    const proposal = nth(groups, 0).propose(text("x"));
    await time.pass(500);
    expect(await stateOf(proposal)).toBe("pending");
    expect(nth(groups, 0).status().hardState.commit).toBe(2);
    nth(logs, 1).recover();
    await time.pass(100);
    expect(await stateOf(proposal)).toBe(1);
  });

  test("is not made to an earlier life of a node", async () => {
    await start();
    const frame = new FrameWriter();
    frame.begin({ cluster: clusterNumber("rules"), sender: 1, receiver: 12_345 });
    const before = counts.get("framesDropped") ?? 0;
    const known = frames.length;
    nth(hosts, 1).receive(1, frame.take());
    await time.pass(2);
    expect(counts.get("framesDropped") ?? 0).toBeGreaterThan(before);
    // The sender is told of the present life, so that its next frame is for that.
    expect(frames.slice(known)).toContainEqual(expect.objectContaining({ from: 2, to: 1 }));
    await time.pass(electionMs);
    const proposal = nth(groups, 0).propose(text("x"));
    await time.pass(100);
    expect(await stateOf(proposal)).toBe(1);
  });
});

describe("a message in a frame", () => {
  const right = { cluster: "rules", incarnation: 1, from: 1, to: 2, node: 1 };
  test.each([
    ["for this replica from where its sender lives is taken", {}, true],
    ["of another cluster is dropped", { cluster: "other" }, false],
    ["for another incarnation of the group is dropped", { incarnation: 2 }, false],
    ["for another replica is dropped", { to: 3 }, false],
    ["from a node where its sender does not live is dropped", { node: 3 }, false],
  ])("%s", async (_, change, taken) => {
    await start();
    const { cluster, incarnation, from, to, node } = { ...right, ...change };
    const frame = new FrameWriter();
    frame.begin({ cluster: clusterNumber(cluster), sender: 1, receiver: 0 });
    frame.addMessage(1, incarnation, { type: "heartbeat", from, to, term: 99, commit: 0, round: 1 });
    nth(hosts, 1).receive(node, frame.take());
    await time.pass(1);
    expect(nth(groups, 1).status().hardState.term).toBe(taken ? 99 : 2);
  });

  test("is dropped when it promises a snapshot whose data did not come", async () => {
    await start();
    const frame = new FrameWriter();
    frame.begin({ cluster: clusterNumber("rules"), sender: 1, receiver: 0 });
    const { configuration } = nth(groups, 0).status();
    const snapshot = { index: 50, term: 2, configuration };
    frame.addMessage(1, 1, { type: "installSnapshot", from: 1, to: 2, term: 2, snapshot });
    nth(hosts, 1).receive(1, frame.take());
    await time.pass(100);
    expect(nth(groups, 1).status().firstIndex).toBe(2);
    expect(ofType("groupFailed")).toEqual([]);
  });
});

describe("a turn", () => {
  test("owes its followers news of one group at most once at a time, however many turns there are meanwhile", async () => {
    await start();
    const before = frames.length;
    for (let round = 0; round < 20; round += 1) {
      nth(groups, 0)
        .propose(text("x"))
        .catch(() => undefined);
      await time.pass(4);
    }
    // Each round is two appends and their answers, each announcement too: more than one in two rounds is too many.
    const roundFrames = 4;
    expect(frames.length - before).toBeLessThanOrEqual(roundFrames * (20 + 10 + 2));
  });

  test("asks again whoever wanted to be asked while it was asking", async () => {
    await start();
    const leader = nth(groups, 0);
    let asked = false;
    leader.beforeTurn(() => {
      leader.beforeTurn(() => {
        asked = true;
      });
    });
    await time.pass(1);
    expect(asked).toBe(true);
  });
});

describe("a state machine that fails after it has applied", () => {
  test("stops its group at once, and another replica takes over", async () => {
    await start();
    const proposal = nth(groups, 0).propose(text("x"));
    await time.pass(100);
    expect(await stateOf(proposal)).toBe(1);
    nth(lists, 0).stop?.(new Error("the disk is full"));
    expect(ofType("groupFailed")).toEqual([1]);
    await expect(nth(groups, 0).readIndex()).rejects.toThrow("state machine failed");
    await time.pass(4 * electionMs);
    expect(leaders().filter((leader) => leader !== 1).length).toBe(1);
  });
});

describe("a process that is stopped for a while", () => {
  test("does not suspect its leader when it goes on", async () => {
    await start();
    const { term } = nth(groups, 0).status().hardState;
    for (let round = 0; round < 5; round++) {
      time.jump(20 * electionMs);
      await time.pass(300);
    }
    expect(ofType("suspended").length).toBeGreaterThanOrEqual(15);
    expect(nth(groups, 0).status().hardState.term).toBe(term);
    expect(leaders()).toEqual([1]);
  });
});

describe("a quiet group", () => {
  test("sends no heartbeats, and wakes for a proposal", async () => {
    await start({ quiet: true });
    await time.pass(15 * electionMs);
    expect(groups.map((group) => group.status().quiet)).toEqual([true, true, true]);
    const before = frames.length;
    await time.pass(electionMs);
    const quietBytes = frames.slice(before).reduce((total, frame) => total + frame.bytes, 0);
    expect(quietBytes / (frames.length - before)).toBeLessThan(40);
    const proposal = nth(groups, 0).propose(text("wake"));
    await time.pass(100);
    expect(await stateOf(proposal)).toBe(1);
    expect(groups.map((group) => group.status().quiet)).toEqual([false, false, false]);
    const { term } = nth(groups, 0).status().hardState;
    await time.pass(30 * electionMs);
    expect(nth(groups, 0).status().hardState.term).toBe(term);
    expect(groups.map((group) => group.status().quiet)).toEqual([true, true, true]);
  });

  test("elects a new leader when its leader's node falls silent", async () => {
    await start({ quiet: true });
    await time.pass(15 * electionMs);
    cut.add(1);
    await time.pass(8 * electionMs);
    expect(leaders().filter((leader) => leader !== 1).length).toBe(1);
  });
});

describe("limits", () => {
  test("commands that wait for an answer are bounded in number and in bytes", async () => {
    await start({ limits: { maxProposalsPerGroup: 10, maxProposalBytes: 1000, maxCommandBytes: 600 } });
    const [leader] = groups;
    const many = Array.from({ length: 12 }, () => nth(groups, 0).propose(text("x")));
    expect(await stateOf(nth(many, 11))).toMatchObject({ code: "DROPPED", reason: "overloaded" });
    expect(await stateOf(nth(many, 9))).toBe("pending");
    many[10]?.catch(() => undefined);
    await time.pass(100);
    expect(await stateOf(nth(many, 9))).toBe(10);
    const large = [leader?.propose(new Uint8Array(600)), leader?.propose(new Uint8Array(600))];
    expect(await stateOf(nth(large, 1) ?? Promise.resolve())).toMatchObject({ reason: "overloaded" });
    await expect(leader?.propose(new Uint8Array(601))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await time.pass(100);
    expect(await stateOf(nth(large, 0) ?? Promise.resolve())).toBe(11);
    expect(hosts[0]?.status().proposalBytes).toBe(0);
  });

  test("frames that wait are bounded in bytes", async () => {
    await start({ limits: { maxInboxBytes: 1000 } });
    const junk = new Uint8Array(400);
    for (let count = 0; count < 5; count++) nth(hosts, 1).receive(1, junk);
    expect(nth(hosts, 1).status().inboxBytes).toBeLessThanOrEqual(1000);
    expect(counts.get("framesDropped")).toBe(3);
    await time.pass(10);
    expect(nth(hosts, 1).status().inboxBytes).toBe(0);
  });

  test("entries that a slow disk has not written are bounded: further ones are dropped, and come again", async () => {
    await start({ limits: { maxUnwrittenBytes: 5000, maxMessageBytes: 1000 } });
    nth(logs, 2).hangs = true;
    const proposals: Promise<number>[] = [];
    for (let count = 0; count < 30; count++) {
      proposals.push(nth(groups, 0).propose(new Uint8Array(1000).fill(97)));
      await time.pass(20);
    }
    expect(await stateOf(nth(proposals, 29))).toBe(30);
    expect(counts.get("messagesDropped")).toBeGreaterThan(0);
    nth(logs, 2).recover();
    await time.pass(3 * electionMs);
    expect(nth(lists, 2).words.length).toBe(30);
  });

  test("a proposal whose outcome nobody learns is UNKNOWN, a read that nobody confirms is DROPPED", async () => {
    await start();
    cut.add(1);
    const proposal = stateOf(
      nth(groups, 0)
        .propose(text("x"))
        .catch((error: unknown) => error),
    );
    const lost = nth(groups, 0).propose(text("y"));
    const read = nth(groups, 0).readIndex();
    lost.catch(() => undefined);
    read.catch(() => undefined);
    await proposal;
    await time.pass(12 * electionMs);
    await expect(lost).rejects.toMatchObject({ code: "UNKNOWN" });
    await expect(read).rejects.toMatchObject({ code: "DROPPED", reason: "noLeader" });
  });
});

describe("reads", () => {
  test("of one turn share one round of messages", async () => {
    await start();
    await time.pass(100);
    const before = frames.length;
    const reads = Array.from({ length: 500 }, () => nth(groups, 0).readIndex());
    await time.pass(5);
    expect((await Promise.all(reads)).length).toBe(500);
    expect(frames.length - before).toBeLessThanOrEqual(8);
  });

  test("wait until the state machine has applied what was written before them", async () => {
    await start();
    const write = nth(groups, 0).propose(text("one"));
    await time.pass(50);
    await write;
    const read = nth(groups, 2).readIndex();
    await time.pass(50);
    await read;
    expect(nth(lists, 2).words).toEqual(["one"]);
  });
});

describe("a state machine that takes its time", () => {
  /** Applies when told to. */
  class SlowList extends WordList {
    #waiting: (() => void)[] = [];

    async applySlowly(entries: readonly Entry[]): Promise<number[]> {
      await new Promise<void>((go) => {
        this.#waiting.push(go);
      });
      return super.apply(entries);
    }

    go(): void {
      for (const go of this.#waiting.splice(0)) go();
    }
  }

  test("is read when it has applied what was committed before the read, not before", async () => {
    const slow = new SlowList();
    const stateMachine: StateMachine<number> = {
      appliedIndex: () => 0,
      apply: (entries) => slow.applySlowly(entries),
      snapshot: () => slow.snapshot(),
      receive: (metadata, chunks) => slow.receive(metadata, chunks),
    };
    const host = new Host({
      node: 1,
      cluster: "slow",
      log: new MemoryLog(),
      transport: { send: () => false },
      clock: time,
      scheduler: time,
    });
    const group = await host.createGroup({ group: 1, replica: 1, stateMachine, voters: [1] });
    group.campaign();
    await time.pass(10);
    slow.go();
    const write = group.propose(text("one"));
    await time.pass(10);
    const read = group.readIndex();
    await time.pass(10);
    expect(group.status().hardState.commit).toBe(3);
    expect(await stateOf(write)).toBe("pending");
    expect(await stateOf(read)).toBe("pending");
    slow.go();
    await time.pass(10);
    expect(await stateOf(write)).toBe(1);
    expect(await stateOf(read)).toBe(3);
  });
});

describe("many groups between the same nodes", () => {
  test("share one frame for their heartbeats", async () => {
    await start();
    for (let group = 2; group <= 100; group++) {
      for (const node of [1, 2, 3]) {
        const options = { group, replica: node, stateMachine: new WordList(), voters: [1, 2, 3] };
        const made = await nth(hosts, node - 1).createGroup(options);
        if (node === 1) made.campaign();
      }
    }
    await time.pass(2000);
    expect(nth(hosts, 0).status().leading).toBe(100);
    const before = frames.length;
    await time.pass(electionMs);
    // Ten rounds of heartbeats in a second, two ticks apart, and their answers: frames do not grow with the groups.
    expect(frames.length - before).toBeLessThan(150);
  });
});

describe("a stop", () => {
  test("hands leadership over first, and answers what is under way", async () => {
    await start();
    const stopped = nth(hosts, 0).stop();
    await time.pass(300);
    await stopped;
    expect(leaders().length).toBe(1);
    expect(leaders()).not.toContain(1);
    await expect(nth(groups, 0).propose(text("x"))).rejects.toMatchObject({ code: "CLOSED" });
  });
});
