import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type LogStorage, MemoryLog, type RaftGroup } from "../src/host/index.ts";
import { RaftError } from "../src/index.ts";
import { FileLog } from "../src/wal/index.ts";
import { fast, leaderOf, nth, TestCluster, text, until, WordList } from "./host-cluster.ts";
import { seeded } from "./wal-disk.ts";

let cluster: TestCluster;

beforeEach(() => {
  cluster = new TestCluster();
});

afterEach(async () => {
  await cluster.stop();
});

async function startAll(nodes: readonly number[], lists: readonly WordList[]): Promise<RaftGroup<number>[]> {
  const groups: RaftGroup<number>[] = [];
  for (const [at, node] of nodes.entries()) {
    const host = cluster.hosts.get(node) ?? cluster.start(node);
    const options = { group: 1, replica: node, stateMachine: nth(lists, at) };
    const exists = host.groups().includes(1);
    groups.push(await (exists ? host.openGroup(options) : host.createGroup({ ...options, voters: nodes })));
  }
  return groups;
}

/** What became of a proposal. */
async function outcome(proposal: Promise<number>): Promise<"applied" | "DROPPED" | "UNKNOWN"> {
  try {
    await proposal;
    return "applied";
  } catch (error) {
    if (error instanceof RaftError && (error.code === "DROPPED" || error.code === "UNKNOWN"))
      return error.code;
    throw error;
  }
}

describe("five nodes that are split into [1,2,3] and [4,5]", () => {
  test("go on where the majority is; the minority acknowledges nothing and loses nothing when it is healed", async () => {
    const nodes = [1, 2, 3, 4, 5];
    const lists = nodes.map(() => new WordList());
    const groups = await startAll(nodes, lists);
    await (await leaderOf(groups)).propose(text("before"));
    // Put the leader on the side of the minority: that is the hard case.
    const leader = await leaderOf(groups);
    if (leader.replica < 4) await leader.transferLeader(5);
    const minorityLeader = await leaderOf(groups);
    expect(minorityLeader.replica).toBeGreaterThan(3);

    cluster.connected = (from, to) => from <= 3 === to <= 3;
    const lost = outcome(minorityLeader.propose(text("minority")));
    const staleRead = outcome(minorityLeader.readIndex());
    const majority = await leaderOf(groups.slice(0, 3));
    expect(await majority.propose(text("majority"))).toBe(2);
    await majority.readIndex();
    expect(await lost).toBe("UNKNOWN");
    await until(() => minorityLeader.status().role !== "leader", "the minority's leader to step down");
    expect(await outcome(minorityLeader.propose(text("refused")))).toBe("DROPPED");
    expect(lists[3]?.words).toEqual(["before"]);

    cluster.connected = () => true;
    expect(await staleRead).not.toBe("UNKNOWN");
    await until(() => lists.every((list) => list.words.length >= 2), "everybody to catch up");
    for (const list of lists) expect(list.words).toEqual(["before", "majority"]);
  });
});

describe("a network that loses, repeats and delays", () => {
  test("loses no write that was acknowledged, and applies none twice", async () => {
    const random = seeded(Number(process.env["TITAN_HOST_SEED"] ?? 7));
    const nodes = [1, 2, 3];
    const lists = nodes.map(() => new WordList());
    const groups = await startAll(nodes, lists);
    await leaderOf(groups);
    const late: (() => void)[] = [];
    cluster.connected = (from, to, frame) => {
      const copy = frame.slice();
      if (random() < 0.1) late.push(() => cluster.hosts.get(to)?.receive(from, copy));
      if (random() < 0.05) setTimeout(() => cluster.hosts.get(to)?.receive(from, copy), random() * 50);
      if (random() < 0.02) for (const deliver of late.splice(0)) deliver();
      return random() > 0.1;
    };
    const acknowledged: string[] = [];
    const dropped: string[] = [];
    const until2 = performance.now() + 4000;
    let next = 0;
    const writer = async (): Promise<void> => {
      while (performance.now() < until2) {
        const word = `word ${next++}`;
        const group = groups.find((candidate) => candidate.status().role === "leader");
        const result = group === undefined ? "DROPPED" : await outcome(group.propose(text(word)));
        if (result === "applied") acknowledged.push(word);
        if (result === "DROPPED") {
          dropped.push(word);
          await new Promise((resolve) => {
            setTimeout(resolve, 5);
          });
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, writer));
    cluster.connected = () => true;
    const leader = await leaderOf(groups);
    await leader.propose(text("end"));
    await until(() => lists.every((list) => list.words.at(-1) === "end"), "everybody to catch up");
    const [list] = lists;
    const applied = new Set(list?.words);
    expect(acknowledged.length).toBeGreaterThan(50);
    expect(applied.size).toBe(list?.words.length);
    expect(acknowledged.filter((word) => !applied.has(word))).toEqual([]);
    expect(dropped.filter((word) => applied.has(word))).toEqual([]);
    for (const other of lists) expect(other.words).toEqual(list?.words);
  });
});

describe("frames", () => {
  test("of another cluster, of an earlier life, and nonsense are dropped", async () => {
    const lists = [1, 2, 3].map(() => new WordList());
    const groups = await startAll([1, 2, 3], lists);
    const leader = await leaderOf(groups);
    const random = seeded(3);
    const caught: Uint8Array[] = [];
    cluster.connected = (_, __, frame) => {
      caught.push(frame.slice());
      return true;
    };
    await leader.propose(text("one"));
    for (const frame of caught.slice(0, 50)) {
      for (let count = 0; count < 20; count++) {
        const bad = frame.slice(0, Math.ceil(random() * frame.length));
        bad[Math.floor(random() * bad.length)] = Math.floor(random() * 256);
        for (const node of [1, 2, 3]) cluster.host(node).receive(1 + Math.floor(random() * 3), bad);
      }
    }
    expect(await leader.propose(text("two"))).toBe(2);
  });
});

describe("a restart of all nodes", () => {
  test.each(["memory", "files"])("finds everything that was acknowledged (%s)", async (kind) => {
    const directory = mkdtempSync(join(tmpdir(), "titan-host-"));
    const nodes = [1, 2, 3];
    const logs = new Map<number, LogStorage>();
    const openLogs = async (): Promise<void> => {
      for (const node of nodes) {
        if (kind === "files")
          logs.set(node, await FileLog.open({ directory: join(directory, String(node)) }));
        else if (!logs.has(node)) logs.set(node, new MemoryLog());
      }
    };
    let count = 0;
    for (let life = 0; life < 3; life++) {
      await openLogs();
      for (const node of nodes) cluster.start(node, { log: logs.get(node) ?? new MemoryLog() });
      const lists = nodes.map(() => new WordList());
      const groups = await startAll(nodes, lists);
      const leader = await leaderOf(groups);
      await Promise.all(Array.from({ length: 100 }, (_, at) => leader.propose(text(`${life} ${at}`))));
      count += 100;
      await until(() => lists.every((list) => list.words.length === count), "everything to be applied");
      await cluster.stop();
      cluster.connected = () => true;
    }
    rmSync(directory, { recursive: true });
    expect(count).toBe(300);
  });
});

describe("a state machine that fails", () => {
  test("stops its group on that node, and no other", async () => {
    const lists = [1, 2, 3].map(() => new WordList());
    const groups = await startAll([1, 2, 3], lists);
    const others = [1, 2, 3].map(() => new WordList());
    const second: RaftGroup<number>[] = [];
    for (const node of [1, 2, 3]) {
      const options = { group: 2, replica: node, stateMachine: nth(others, node - 1), voters: [1, 2, 3] };
      second.push(await cluster.host(node).createGroup(options));
    }
    const leader = await leaderOf(groups);
    const victim = groups.find((group) => group !== leader) ?? leader;
    nth(lists, victim.replica - 1).failNext = new Error("broken");
    expect(await leader.propose(text("one"))).toBe(1);
    await until(() => cluster.events.some(({ event }) => event.type === "groupFailed"), "the group to stop");
    await expect(victim.propose(text("x"))).rejects.toMatchObject({ code: "INVARIANT" });
    expect(await (await leaderOf(second)).propose(text("two"))).toBe(1);
  });
});

describe("a group whose log is damaged", () => {
  test("is refused and can be removed, while the other groups of the node go on", async () => {
    const directory = mkdtempSync(join(tmpdir(), "titan-host-"));
    cluster.start(1, { log: await FileLog.open({ directory }) });
    for (const group of [1, 2]) {
      const options = { group, replica: 1, stateMachine: new WordList(), voters: [1] };
      const made = await cluster.host(1).createGroup(options);
      await (await leaderOf([made])).propose(text(`word of group ${group}`));
    }
    await cluster.stop();
    const path = join(directory, "0000000001.wal");
    const bytes = readFileSync(path);
    bytes[bytes.indexOf("word of group 1")] = 0;
    writeFileSync(path, bytes);

    await expect(FileLog.open({ directory })).rejects.toMatchObject({ code: "CORRUPT" });
    const host = cluster.start(1, { log: await FileLog.open({ directory, onDamage: "quarantine" }) });
    expect(host.groups()).toEqual([2]);
    const damaged = { group: 1, replica: 1, stateMachine: new WordList() };
    await expect(host.openGroup(damaged)).rejects.toMatchObject({ code: "CORRUPT" });
    await host.removeGroup(1);
    // It may come back as another replica, which knows nothing of what was there.
    const anew = await host.createGroup({ ...damaged, replica: 2, stateMachine: new WordList() });
    expect(anew.status()).toMatchObject({ lastIndex: 0, hardState: { term: 0, vote: 0 } });
    const sound = new WordList();
    const again = await host.openGroup({ group: 2, replica: 1, stateMachine: sound });
    await (await leaderOf([again])).readIndex();
    expect(sound.words).toEqual(["word of group 2"]);
    await cluster.stop();
    rmSync(directory, { recursive: true });
  });
});

describe("a log that can no longer be written", () => {
  test("stops every group of the node, and says so once", async () => {
    class BrokenLog extends MemoryLog {
      broken = false;
      override append(...args: Parameters<MemoryLog["append"]>): Promise<void> {
        return this.broken ? Promise.reject(new RaftError("POISONED", "broken")) : super.append(...args);
      }
    }
    const log = new BrokenLog();
    cluster.start(1, { log, timing: fast });
    const leader = await leaderOf(await startAll([1], [new WordList()]));
    await leader.propose(text("one"));
    log.broken = true;
    await expect(leader.propose(text("two"))).rejects.toMatchObject({ code: "UNKNOWN" });
    await expect(leader.propose(text("three"))).rejects.toMatchObject({ code: "POISONED" });
    expect(cluster.events.filter(({ event }) => event.type === "logFailed").length).toBe(1);
  });
});
