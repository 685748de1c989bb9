import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { del, EntryWriter, put } from "../../test/support/operations.ts";
import type { HostedShard } from "../node/hosted-replica.ts";
import { defaultSessionLimits } from "../shard/session-table.ts";
import { ShardRaftAdapter } from "../shard/shard-raft-adapter.ts";
import { ShardStateMachine } from "../shard/shard-state-machine.ts";
import { ReplicaStore } from "../storage/replica-store.ts";
import { DivergenceError, healRecord } from "./heal-record.ts";

const key = Buffer.from("victim");
let directory: string;
let store: ReplicaStore;
let machine: ShardStateMachine;
let log: EntryWriter;
let hosted: HostedShard;

/** Flips one bit of the record on the disk. */
async function damage(value: string): Promise<void> {
  for (const name of await readdir(directory, { recursive: true })) {
    if (!name.endsWith(".data")) continue;
    const bytes = await readFile(join(directory, name));
    const at = bytes.indexOf(value);
    if (at < 0) continue;
    bytes[at]! ^= 1;
    await writeFile(join(directory, name), bytes, { flag: "r+" });
  }
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "heal-record-"));
  store = await ReplicaStore.open({ directory, ordered: true });
  machine = new ShardStateMachine(store, defaultSessionLimits);
  const adapter = new ShardRaftAdapter({ machine, store, onApplied: () => undefined });
  // What healing looks at: the store and the state machine.
  hosted = { shard: 1, store, adapter, local: { replica: { machine } } } as unknown as HostedShard;
  log = new EntryWriter();
  machine.apply([log.ownAll(), log.operations([put("victim", "the old value")])]);
  machine.settle();
  await damage("the old value");
  expect(() => machine.get(key)).toThrow("checksum");
});

afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true, force: true });
});

/** Another replica that answers as of everything that was applied here. */
function answer(value: string | undefined): Parameters<typeof healRecord>[2] {
  return async () => ({
    entry:
      value === undefined
        ? undefined
        : { value: Buffer.from(value), version: machine.revision, expiresAtMs: 0 },
    appliedIndex: machine.appliedIndex,
  });
}

test("a damaged record whose key is deleted meanwhile is no divergence, though the store has not heard of it", async () => {
  const healing = healRecord(hosted, key, async (shard, wanted) => {
    machine.apply([log.operations([del("victim")])]);
    return answer(undefined)(shard, wanted);
  });
  await expect(healing).resolves.toBeUndefined();
  expect(store.getEntry(key)).toBeUndefined();
});

test("a fetched record does not get into the store beside counters that are older than it is", async () => {
  await healRecord(hosted, key, async (shard, wanted) => {
    machine.apply([log.operations([put("victim", "new"), put("other", "x")])]);
    return answer("new")(shard, wanted);
  });
  const restarted = new ShardStateMachine(store, defaultSessionLimits);
  expect(restarted.appliedIndex).toBe(machine.appliedIndex);
  expect(Buffer.from(restarted.get(key)!.value).toString()).toBe("new");
});

test("a key that was deleted between the damage and the healing is left alone", async () => {
  machine.apply([log.operations([del("victim")])]);
  machine.settle();
  await expect(healRecord(hosted, key, answer(undefined))).resolves.toBeUndefined();
});

test("a damaged record is replaced by what another replica has", async () => {
  await healRecord(hosted, key, answer("the old value"));
  expect(Buffer.from(machine.get(key)!.value).toString()).toBe("the old value");
});

test("a damaged record that no other replica has is divergence", async () => {
  await expect(healRecord(hosted, key, answer(undefined))).rejects.toThrow(DivergenceError);
});
