import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EntryType } from "@titan-kv/raft";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EntryWriter, put } from "../../test/support/operations.ts";
import { ReplicaStore } from "../storage/replica-store.ts";
import { defaultSessionLimits } from "./session-table.ts";
import { ShardRaftAdapter } from "./shard-raft-adapter.ts";
import { type LogEntry, ShardStateMachine } from "./shard-state-machine.ts";

let directory: string;
let store: ReplicaStore;
let machine: ShardStateMachine;
let adapter: ShardRaftAdapter;
let log: EntryWriter;
let stopped: unknown[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "shard-raft-adapter-"));
  store = await ReplicaStore.open({ directory, ordered: true });
  machine = new ShardStateMachine(store, defaultSessionLimits);
  adapter = new ShardRaftAdapter({ machine, store, onApplied: () => undefined });
  stopped = [];
  adapter.onFailure((error) => stopped.push(error));
  log = new EntryWriter();
});

afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true, force: true });
});

function apply(...entries: LogEntry[]): void {
  adapter.apply(entries.map((entry) => ({ ...entry, type: EntryType.Normal })));
}

test("what was applied reaches the store by itself", async () => {
  apply(log.ownAll(), log.operations([put("a", "1")]));
  expect(store.getEntry(Buffer.from("a"))).toBeUndefined();
  await expect.poll(() => store.getEntry(Buffer.from("a"))?.version).toBe(1);
  expect(stopped).toEqual([]);
});

test("a store that cannot be written stops the group, though nothing is applied any more", async () => {
  const failure = new Error("the disk is full");
  store.write = () => {
    throw failure;
  };
  apply(log.ownAll(), log.operations([put("a", "1")]));
  await expect.poll(() => stopped).toEqual([failure]);
  expect(() => machine.get(Buffer.from("a"))).toThrow(failure);
  await expect(adapter.flush()).rejects.toThrow(failure);
  expect(store.stats().keys).toBe(0);
  // Told once, whatever is tried.
  expect(stopped).toEqual([failure]);
});

test("only what is in the store and durable counts as durable", async () => {
  apply(log.ownAll(), log.operations([put("a", "1")]));
  machine.settle();
  apply(log.operations([put("b", "1")]));
  expect(adapter.appliedIndex()).toBe(0);
  await adapter.flush();
  expect(adapter.appliedIndex()).toBe(3);
});
