// What a replica believes of itself when it starts, and what it does about what is missing.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FileSnapshotStore, MemoryLog, type RaftGroup } from "../src/host/index.ts";
import { bootstrapState, type Entry, EntryType } from "../src/index.ts";
import { leaderOf, nth, TestCluster, text, until, WordList } from "./host-cluster.ts";

let cluster: TestCluster;
let directory: string;

beforeEach(() => {
  cluster = new TestCluster();
  directory = mkdtempSync(join(tmpdir(), "titan-host-"));
});

afterEach(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

function words(first: number, last: number, term: number): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, at) => ({
    type: EntryType.Normal,
    term,
    index: first + at,
    data: text(`word ${first + at} of term ${term}`),
  }));
}

async function open(node: number, list: WordList): Promise<RaftGroup<number>> {
  return cluster.host(node).openGroup({ group: 1, replica: node, stateMachine: list });
}

describe("a state machine that is ahead of what its log knows to be committed", () => {
  // As when the leader's state was installed because the replica's own was lost, and the log still ends with entries that
  // were never committed.
  test("does not make those entries committed", async () => {
    const log = new MemoryLog();
    await log.append([{ group: 1, create: true, ...bootstrapState([1, 2, 3]) }]);
    await log.append([{ group: 1, entries: words(2, 5, 1), hardState: { term: 1, vote: 1, commit: 1 } }]);
    const list = new WordList({ durable: true });
    list.index = 6;
    cluster.start(3, { log });
    const group = await open(3, list);
    expect(group.status()).toMatchObject({ hardState: { commit: 1 }, applied: 1, stateIndex: 6 });
  });

  test("joins the others, whose log is another one", async () => {
    const sound = [1, 2].map(() => new WordList({ durable: true }));
    for (const node of [1, 2]) {
      const log = new MemoryLog();
      const entries = words(2, 6, 2);
      await log.append([{ group: 1, create: true, ...bootstrapState([1, 2, 3]) }]);
      await log.append([{ group: 1, entries, hardState: { term: 2, vote: 1, commit: 6 } }]);
      cluster.start(node, { log });
    }
    const log = new MemoryLog();
    await log.append([{ group: 1, create: true, ...bootstrapState([1, 2, 3]) }]);
    await log.append([{ group: 1, entries: words(2, 8, 1), hardState: { term: 1, vote: 3, commit: 1 } }]);
    cluster.start(3, { log });
    const groups = [await open(1, nth(sound, 0)), await open(2, nth(sound, 1))];
    const leader = await leaderOf(groups);
    await until(() => sound.every((list) => list.words.length === 5), "the majority to apply its log");
    const list = new WordList({ durable: true });
    list.words = [...nth(sound, 0).words];
    list.index = 6;
    const third = await open(3, list);
    await leader.propose(text("after"));
    await until(() => list.words.length === 6, "the third replica to follow");
    expect(list.words).toEqual(nth(sound, 0).words);
    expect(third.status().hardState.commit).toBe(leader.status().hardState.commit);
    expect(cluster.events.filter(({ event }) => event.type === "groupFailed")).toEqual([]);
  });
});

describe("a stored snapshot that is damaged", () => {
  test("is passed over: the state comes from the leader, and the replica keeps its vote and its log", async () => {
    const policy = { snapshotEntries: 50, keepEntries: 5, keepBytes: 1 };
    const stores = await Promise.all(
      [1, 2, 3].map((node) => FileSnapshotStore.open(join(directory, String(node)))),
    );
    const start = async (node: number, list: WordList): Promise<RaftGroup<number>> => {
      const host = cluster.hosts.get(node) ?? cluster.start(node);
      const options = {
        group: 1,
        replica: node,
        stateMachine: list,
        policy,
        snapshots: nth(stores, node - 1),
      };
      return host.groups().includes(1)
        ? host.openGroup(options)
        : host.createGroup({ ...options, voters: [1, 2, 3] });
    };
    const lists = [1, 2, 3].map(() => new WordList());
    const groups = await Promise.all(lists.map((list, at) => start(at + 1, list)));
    const leader = await leaderOf(groups);
    await leader.proposeAll(Array.from({ length: 150 }, (_, at) => text(`${at}`)));
    await until(() => groups.every((group) => group.status().firstIndex > 50), "every log to be shortened");
    const follower = nth(
      groups.filter((group) => group !== leader),
      0,
    ).replica;
    const { term } = nth(groups, follower - 1).status().hardState;
    cluster.crash(follower);
    for (const name of readdirSync(join(directory, String(follower)))) {
      const path = join(directory, String(follower), name);
      const bytes = readFileSync(path);
      bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    }
    const list = new WordList();
    const again = await start(follower, list);
    expect(again.status().hardState.term).toBeGreaterThanOrEqual(term);
    await until(() => list.words.length === 150, "the state to arrive");
    expect(list.words).toEqual(nth(lists, leader.replica - 1).words);
  });
});

describe("a group that is being removed", () => {
  test("cannot be opened meanwhile", async () => {
    const host = cluster.start(1);
    const options = { group: 1, replica: 1, stateMachine: new WordList() };
    await host.createGroup({ ...options, voters: [1] });
    const removal = host.removeGroup(1);
    await expect(host.openGroup({ ...options, replica: 2 })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await removal;
    const anew = await host.createGroup({ ...options, replica: 2 });
    expect(anew.status()).toMatchObject({ lastIndex: 0, hardState: { term: 0, vote: 0 } });
  });

  test("is not started by an opening that had begun before", async () => {
    const host = cluster.start(1);
    const list = new WordList();
    await host.createGroup({ group: 1, replica: 1, stateMachine: list, voters: [1] });
    cluster.crash(1);
    const second = cluster.start(1);
    const opening = second.openGroup({ group: 1, replica: 1, stateMachine: new WordList() });
    const removal = second.removeGroup(1);
    await expect(opening).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await removal;
    expect(second.group(1)).toBeUndefined();
    expect(cluster.events.filter(({ event }) => event.type === "logFailed")).toEqual([]);
  });
});
