import { beforeEach, expect, test } from "vitest";
import { MapStore } from "../../test/support/map-store.ts";
import { del, EntryWriter, identity, put } from "../../test/support/operations.ts";
import { RecordsBuilder } from "../maintenance/snapshot-format.ts";
import { maxClearedPerCommand } from "./apply-restore.ts";
import { keyRevisionOf, Refusal, refusalOf } from "./applied-result.ts";
import { encodeOwnSlots } from "./command.ts";
import { encodeRestore, type RestoreCommand, RestoreStep, type SnapshotRecord } from "./restore-command.ts";
import { RestorePhase } from "./restore-state.ts";
import { defaultSessionLimits } from "./session-table.ts";
import { ShardStateMachine } from "./shard-state-machine.ts";

let store: MapStore;
let log: EntryWriter;
let machine: ShardStateMachine;

beforeEach(() => {
  store = new MapStore();
  log = new EntryWriter();
  machine = new ShardStateMachine(store, defaultSessionLimits);
  machine.apply([log.ownAll()]);
});

/** Applies a step; returns the number of its answer, or the refusal as a negative number. */
function step(command: RestoreCommand): number {
  const packed = machine.apply([log.entry(encodeRestore(log.timeMs, command))])[0]!.packed[0]!;
  const refusal = refusalOf(packed);
  return refusal === undefined ? keyRevisionOf(packed) : -refusal;
}

function begin(number: number, finished = 0): number {
  return step({ step: RestoreStep.Begin, number, finished });
}

function only(which: 2 | 5 | 6, number: number): number {
  return step({ step: which, number });
}

function load(number: number, position: number, keys: readonly string[], revision = 40): number {
  const builder = new RecordsBuilder();
  for (const key of keys) builder.add(recordOf(key, revision));
  return step({ step: RestoreStep.Load, number, position, records: builder.take().records });
}

function recordOf(key: string, revision: number): SnapshotRecord {
  return { key: Buffer.from(key), value: Buffer.from(`value of ${key}`), revision, expiresAtMs: 0 };
}

function seal(number: number, loads: number, keys: number): number {
  return step({ step: RestoreStep.Seal, number, loads, keys, revision: 1000, forgottenThroughMs: 600 });
}

function text(key: string): string | undefined {
  const entry = machine.get(Buffer.from(key));
  return entry === undefined ? undefined : `${Buffer.from(entry.value).toString()} @${entry.version}`;
}

function write(key: string, session?: Parameters<EntryWriter["operations"]>[1]): number {
  const operation = put(key, "written", session === undefined ? {} : { seq: 1n });
  return machine.apply([log.operations([operation], session)])[0]!.packed[0]!;
}

test("a shard is closed from Begin to Open, and then has what was loaded, with its revisions", () => {
  expect(begin(1)).toBe(0);
  expect(refusalOf(write("a"))).toBe(Refusal.Restoring);
  expect(load(1, 0, ["a", "b"])).toBe(2);
  expect(load(1, 1, ["c"])).toBe(1);
  expect(seal(1, 2, 3)).toBe(3);
  expect(machine.isRestoring).toBe(true);
  expect(refusalOf(write("a"))).toBe(Refusal.Restoring);
  expect(only(RestoreStep.Open, 1)).toBe(0);
  expect(machine.isRestoring).toBe(false);
  expect(["a", "b", "c"].map(text)).toEqual(["value of a @40", "value of b @40", "value of c @40"]);
  expect(keyRevisionOf(write("d"))).toBe(1001);
});

test("every step may come twice, or late, and counts once", () => {
  for (let again = 0; again < 2; again += 1) expect(begin(1)).toBe(0);
  for (let again = 0; again < 2; again += 1) load(1, 0, ["a"]);
  expect(load(1, 2, ["z"])).toBe(-Refusal.RestoreIncomplete);
  expect(load(1, 1, ["b"])).toBe(1);
  expect(load(1, 0, ["other"])).toBe(0);
  for (let again = 0; again < 2; again += 1) expect(seal(1, 2, 2)).toBe(2);
  expect(load(1, 2, ["late"])).toBe(-Refusal.RestoreSuperseded);
  for (let again = 0; again < 2; again += 1) expect(only(RestoreStep.Open, 1)).toBe(0);
  expect(["a", "b", "z", "other", "late"].map((key) => text(key) !== undefined)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
  // Of a restore that is over nothing has any effect.
  expect(begin(1)).toBe(-Refusal.RestoreSuperseded);
  expect(load(1, 2, ["late"])).toBe(-Refusal.RestoreSuperseded);
  expect(machine.isRestoring).toBe(false);
});

test("a shard with data is not restored into, also when the data came in the same batch", () => {
  const entries = [
    log.operations([put("mine", "v")]),
    log.entry(encodeRestore(log.timeMs, { step: RestoreStep.Begin, number: 1, finished: 0 })),
  ];
  const packed = machine.apply(entries)[1]!.packed[0]!;
  expect(refusalOf(packed)).toBe(Refusal.NotEmpty);
  expect(machine.isRestoring).toBe(false);
  expect(text("mine")).toBe("v @1");
});

test("a shard that has not got everything is not sealed, and one that is not sealed does not open", () => {
  begin(1);
  load(1, 0, ["a"]);
  expect(seal(1, 1, 2)).toBe(-Refusal.RestoreIncomplete);
  expect(seal(1, 2, 1)).toBe(-Refusal.RestoreIncomplete);
  expect(only(RestoreStep.Open, 1)).toBe(-Refusal.RestoreSuperseded);
  expect(only(RestoreStep.Cancel, 1)).toBe(-Refusal.RestoreSuperseded);
  expect(machine.restore.phase).toBe(RestorePhase.Loading);
});

test("a restore that did not finish is begun again from nothing", () => {
  begin(1);
  const many = Array.from({ length: maxClearedPerCommand + 5 }, (_, index) => `key-${index}`);
  load(1, 0, many);
  expect(begin(2)).toBe(0);
  expect(load(1, 1, ["late"])).toBe(-Refusal.RestoreSuperseded);
  expect(load(2, 0, ["too early"])).toBe(-Refusal.RestoreSuperseded);
  expect(only(RestoreStep.Clear, 2)).toBe(maxClearedPerCommand);
  expect(only(RestoreStep.Clear, 2)).toBe(5);
  expect(only(RestoreStep.Clear, 2)).toBe(0);
  expect(load(2, 0, ["new"])).toBe(1);
  expect(only(RestoreStep.Clear, 2)).toBe(0);
  expect(seal(2, 1, 1)).toBe(1);
  only(RestoreStep.Open, 2);
  expect([text("new"), text("key-0"), text("late")]).toEqual(["value of new @40", undefined, undefined]);
});

test("what a finished restore has sealed is data, and is not taken away by the next one", () => {
  begin(1);
  load(1, 0, ["a"]);
  seal(1, 1, 1);
  expect(begin(2, 1)).toBe(-Refusal.NotEmpty);
  expect(only(RestoreStep.Open, 1)).toBe(0);
  expect(text("a")).toBe("value of a @40");
});

test("a restore that loaded nothing can be cancelled", () => {
  begin(1);
  expect(only(RestoreStep.Cancel, 1)).toBe(0);
  expect(keyRevisionOf(write("a"))).toBe(1);
});

test("records of slots that the shard does not own are refused, all of them", () => {
  machine.apply([log.entry(encodeOwnSlots(log.timeMs, 2, [{ first: 0, last: 100 }]))]);
  begin(1);
  expect(load(1, 0, ["a", "b", "c", "d"])).toBe(-Refusal.WrongShard);
  expect(machine.restore).toMatchObject({ loads: 0, keys: 0 });
});

test("writes of sessions that the snapshot's cluster may have known are not applied again", () => {
  begin(1);
  load(1, 0, ["a"]);
  seal(1, 1, 1);
  only(RestoreStep.Open, 1);
  expect(refusalOf(write("a", identity(1, 600)))).toBe(Refusal.SessionExpired);
  expect(refusalOf(write("b", identity(2, 601)))).toBeUndefined();
});

test("whoever follows the shard begins again when it opens, also when that comes in one run with other changes", () => {
  machine.apply([log.operations([put("gone", "v")]), log.operations([del("gone")])]);
  const commands: RestoreCommand[] = [
    { step: RestoreStep.Begin, number: 1, finished: 0 },
    { step: RestoreStep.Seal, number: 1, loads: 0, keys: 0, revision: 1000, forgottenThroughMs: 1 },
    { step: RestoreStep.Open, number: 1 },
  ];
  machine.apply([
    log.operations([put("also gone", "v"), del("also gone")]),
    ...commands.map((command) => log.entry(encodeRestore(log.timeMs, command))),
    log.operations([put("new", "v")]),
  ]);
  expect(machine.history.since(2, 10)).toBeUndefined();
  expect(machine.history.since(1000, 10)).toMatchObject([{ kind: "put", revision: 1001 }]);
});

test("a crash in the middle leaves the shard closed, where it was", async () => {
  begin(1);
  load(1, 0, ["a"]);
  machine.settle();
  await store.flush();
  load(1, 1, ["lost with the crash"]);
  machine.settle();
  store.crash();
  machine = new ShardStateMachine(store, defaultSessionLimits);
  expect(machine.restore).toMatchObject({ phase: RestorePhase.Loading, number: 1, loads: 1, keys: 1 });
  expect(machine.isRestoring).toBe(true);
});

test("replicas that cut the log into batches differently reach the same state", () => {
  const records = new RecordsBuilder();
  for (const key of ["a", "b"]) records.add(recordOf(key, 7));
  const commands: RestoreCommand[] = [
    { step: RestoreStep.Begin, number: 1, finished: 0 },
    { step: RestoreStep.Load, number: 1, position: 0, records: records.take().records },
    { step: RestoreStep.Begin, number: 2, finished: 0 },
    { step: RestoreStep.Clear, number: 2 },
    { step: RestoreStep.Clear, number: 2 },
    { step: RestoreStep.Seal, number: 2, loads: 0, keys: 0, revision: 9, forgottenThroughMs: 1 },
    { step: RestoreStep.Open, number: 2 },
  ];
  const entries = [
    ...commands.map((command) => log.entry(encodeRestore(log.timeMs, command))),
    log.operations([put("x", "1")]),
  ];
  const others = [1, 2, 3, entries.length].map((size) => {
    const otherStore = new MapStore();
    const other = new ShardStateMachine(otherStore, defaultSessionLimits);
    const firstLog = new EntryWriter();
    other.apply([firstLog.ownAll()]);
    for (let at = 0; at < entries.length; at += size) other.apply(entries.slice(at, at + size));
    other.settle();
    return `${otherStore.dump()} ${Buffer.from(otherStore.meta()!).toString("hex")}`;
  });
  expect(new Set(others).size).toBe(1);
});
