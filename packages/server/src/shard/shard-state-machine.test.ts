import { create, fromBinary } from "@bufbuild/protobuf";
import {
  PutOperationSchema,
  TxnOperationSchema,
  TxnResultSchema,
  WriteConditionSchema,
} from "@titan-kv/proto";
import { slotOf } from "@titan-kv/ring";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { MapStore } from "../../test/support/map-store.ts";
import { del, EntryWriter, identity, type OperationInit, put } from "../../test/support/operations.ts";
import { hasExisted, isApplied, keyRevisionOf, Refusal, refusalOf } from "./applied-result.ts";
import { CommandError, encodeExpire, encodeOwnSlots, encodeVerifyPoint } from "./command.ts";
import { maxUnacknowledgedWrites } from "./session.ts";
import { defaultSessionLimits } from "./session-table.ts";
import { type LogEntry, maxExpiredPerCommand, ShardStateMachine } from "./shard-state-machine.ts";

const utf8 = new TextEncoder();

let store: MapStore;
let log: EntryWriter;
let machine: ShardStateMachine;

beforeEach(() => {
  store = new MapStore();
  log = new EntryWriter();
  machine = new ShardStateMachine(store, defaultSessionLimits);
  machine.apply([log.ownAll()]);
});

function text(key: string): string | undefined {
  const entry = machine.get(utf8.encode(key));
  return entry === undefined ? undefined : Buffer.from(entry.value).toString();
}

/** Applies one entry with these operations and returns their packed answers. */
function applyAll(operations: OperationInit[], session?: Parameters<EntryWriter["operations"]>[1]): number[] {
  return machine.apply([log.operations(operations, session)])[0]!.packed;
}

function conditional(
  key: string,
  value: string,
  condition: Parameters<typeof create<typeof WriteConditionSchema>>[1],
): OperationInit {
  const operation = create(PutOperationSchema, {
    key,
    payload: { case: "text", value },
    condition: create(WriteConditionSchema, condition),
  });
  return { kind: { case: "put", value: operation } };
}

function withTtl(key: string, ttlMs: number): OperationInit {
  const value = create(PutOperationSchema, {
    key,
    payload: { case: "text", value: "v" },
    ttlMs: BigInt(ttlMs),
  });
  return { kind: { case: "put", value } };
}

describe("writes", () => {
  test("a put is read back and stamped with the shard's next revision", () => {
    const [first, second] = applyAll([put("a", "1"), put("a", "2")]);
    expect([keyRevisionOf(first!), keyRevisionOf(second!)]).toEqual([1, 2]);
    expect([hasExisted(first!), hasExisted(second!)]).toEqual([false, true]);
    expect(text("a")).toBe("2");
    expect(machine.get(utf8.encode("a"))!.version).toBe(2);
  });

  test("a delete of an absent key takes place and changes nothing", () => {
    const before = machine.revision;
    const [packed] = applyAll([del("nothing")]);
    expect([isApplied(packed!), hasExisted(packed!)]).toEqual([true, false]);
    expect(machine.revision).toBe(before);
  });

  test("a condition sees what earlier operations of the same entry did", () => {
    const packed = applyAll([
      conditional("a", "1", { condition: { case: "ifAbsent", value: true } }),
      conditional("a", "2", { condition: { case: "ifAbsent", value: true } }),
      conditional("a", "3", { condition: { case: "ifRevision", value: 1n } }),
      conditional("a", "4", { condition: { case: "ifRevision", value: 1n } }),
    ]);
    expect(packed.map(isApplied)).toEqual([true, false, true, false]);
    expect(packed.map(keyRevisionOf)).toEqual([1, 1, 2, 2]);
    expect(text("a")).toBe("3");
  });

  test("previous values come back when they are asked for", () => {
    applyAll([put("a", "old")]);
    const operation = create(PutOperationSchema, {
      key: "a",
      payload: { case: "text", value: "new" },
      returnPrevious: true,
    });
    const [results] = machine.apply([log.operations([{ kind: { case: "put", value: operation } }])]);
    const previous = results!.payloads.get(0)!;
    expect(Buffer.from(previous).toString()).toBe("old");
    // The session keeps it, but not the whole entry of the log in which it came.
    expect(previous.buffer.byteLength).toBe(previous.length);
  });
});

describe("ownership", () => {
  test("a write to a slot that the shard does not own is refused when it is applied", () => {
    const slot = slotOf("a");
    machine.apply([log.entry(encodeOwnSlots(log.timeMs, 2, [{ first: slot + 1, last: slot + 1 }]))]);
    expect(applyAll([put("a", "1")]).map(refusalOf)).toEqual([Refusal.WrongShard]);
    expect(text("a")).toBeUndefined();
  });

  test("an older slot table does not replace a newer one", () => {
    machine.apply([log.entry(encodeOwnSlots(log.timeMs, 5, []))]);
    machine.apply([log.ownAll(4)]);
    expect(machine.epoch).toBe(5);
    expect(applyAll([put("a", "1")]).map(refusalOf)).toEqual([Refusal.WrongShard]);
  });

  test("ownership survives a restart", () => {
    machine.settle();
    machine = new ShardStateMachine(store, defaultSessionLimits);
    expect(machine.epoch).toBe(1);
    expect(applyAll([put("a", "1")]).map(isApplied)).toEqual([true]);
  });
});

describe("sessions", () => {
  test("a write that arrives twice is applied once and answered the same", () => {
    const first = applyAll([put("a", "1", { seq: 1n })], identity(1));
    applyAll([put("a", "2", { seq: 2n })], identity(1));
    const again = applyAll([put("a", "1", { seq: 1n })], identity(1));
    expect(again).toEqual(first);
    expect(text("a")).toBe("2");
  });

  test("a condition that did not hold is remembered too", () => {
    applyAll([put("a", "1")]);
    const attempt = { ...conditional("a", "2", { condition: { case: "ifAbsent", value: true } }), seq: 1n };
    expect(applyAll([attempt], identity(1)).map(isApplied)).toEqual([false]);
    applyAll([del("a")]);
    expect(applyAll([attempt], identity(1)).map(isApplied)).toEqual([false]);
    expect(text("a")).toBeUndefined();
  });

  test("sessions survive a crash in step with the data", async () => {
    applyAll([put("a", "1", { seq: 1n })], identity(1));
    machine.settle();
    await store.flush();
    const lost = log.operations([put("a", "2", { seq: 2n })], identity(1));
    machine.apply([lost]);
    machine.settle();
    store.crash();
    machine = new ShardStateMachine(store, defaultSessionLimits);
    expect(text("a")).toBe("1");
    machine.apply([lost]);
    expect(text("a")).toBe("2");
    expect(applyAll([put("a", "1", { seq: 1n })], identity(1)).map(keyRevisionOf)).toEqual([1]);
    expect(text("a")).toBe("2");
  });

  test("a write refused for its slot can be applied later under the same identity", () => {
    machine.apply([log.entry(encodeOwnSlots(log.timeMs, 2, []))]);
    expect(applyAll([put("a", "1", { seq: 1n })], identity(1)).map(refusalOf)).toEqual([Refusal.WrongShard]);
    machine.apply([log.ownAll(3)]);
    expect(applyAll([put("a", "1", { seq: 1n })], identity(1)).map(isApplied)).toEqual([true]);
  });

  test("an acknowledged write that arrives again is refused, not applied", () => {
    applyAll([put("a", "1", { seq: 1n })], identity(1));
    applyAll([put("b", "1", { seq: 2n })], identity(1, 500, 2));
    expect(applyAll([put("a", "x", { seq: 1n })], identity(1)).map(refusalOf)).toEqual([
      Refusal.AlreadyAcknowledged,
    ]);
    expect(text("a")).toBe("1");
  });

  test("a session that was forgotten is refused, a younger one is welcome", () => {
    applyAll([put("a", "1", { seq: 1n })], identity(1, 500));
    log.timeMs += defaultSessionLimits.idleMs + 1;
    applyAll([put("b", "1")]);
    expect(machine.sessions).toBe(0);
    const again = applyAll([put("a", "x", { seq: 1n })], identity(1, 500));
    expect(again.map(refusalOf)).toEqual([Refusal.SessionExpired]);
    expect(applyAll([put("a", "y", { seq: 1n })], identity(2, 501)).map(isApplied)).toEqual([true]);
    machine.settle();
    machine = new ShardStateMachine(store, defaultSessionLimits);
    expect(applyAll([put("a", "z", { seq: 2n })], identity(1, 500)).map(refusalOf)).toEqual([
      Refusal.SessionExpired,
    ]);
  });

  test("too many sessions push out the one used longest ago", () => {
    machine.settle();
    machine = new ShardStateMachine(store, { maxSessions: 2, idleMs: 1e9 });
    applyAll([put("a", "1", { seq: 1n })], identity(1, 501));
    applyAll([put("a", "2", { seq: 1n })], identity(2, 502));
    applyAll([put("a", "3", { seq: 2n })], identity(1, 501));
    applyAll([put("a", "4", { seq: 1n })], identity(3, 503));
    expect(machine.sessions).toBe(2);
    expect(applyAll([put("a", "5", { seq: 2n })], identity(2, 502)).map(refusalOf)).toEqual([
      Refusal.SessionExpired,
    ]);
    expect(applyAll([put("a", "6", { seq: 3n })], identity(1, 501)).map(isApplied)).toEqual([true]);
  });

  test("a session without acknowledgements is bounded", () => {
    const many = Array.from({ length: maxUnacknowledgedWrites }, (_, index) =>
      put("a", "1", { seq: BigInt(index + 1) }),
    );
    applyAll(many, identity(1));
    const next = BigInt(maxUnacknowledgedWrites + 1);
    expect(applyAll([put("a", "2", { seq: next })], identity(1)).map(refusalOf)).toEqual([
      Refusal.SessionFull,
    ]);
    expect(applyAll([put("a", "2", { seq: next })], identity(1, 500, 100)).map(isApplied)).toEqual([true]);
  });
});

describe("expiry", () => {
  test("a key is gone once the log's time has passed its end, and removed by the next sweep", () => {
    applyAll([withTtl("a", 10)]);
    log.timeMs += 9;
    applyAll([put("b", "1")]);
    expect(text("a")).toBe("v");
    log.timeMs += 1;
    const [packed] = applyAll([conditional("a", "again", { condition: { case: "ifAbsent", value: true } })]);
    expect(isApplied(packed!)).toBe(true);
    applyAll([withTtl("c", 5)]);
    log.timeMs += 5;
    const before = machine.revision;
    machine.apply([log.entry(encodeExpire(log.timeMs))]);
    expect(store.expiresAtMs(utf8.encode("c"))).toBe(-1);
    expect(text("a")).toBe("again");
    expect(machine.revision).toBe(before + 1);
  });

  test("log time does not go back when a leader with a slow clock takes over", () => {
    applyAll([withTtl("a", 10)]);
    log.timeMs += 10;
    applyAll([put("b", "1")]);
    log.timeMs -= 100;
    applyAll([put("b", "2")]);
    expect(text("a")).toBeUndefined();
  });

  test("a sweep removes a bounded number of keys, in the same order on a replica that restarted in between", () => {
    const keys = Array.from({ length: maxExpiredPerCommand + 10 }, (_, index) => withTtl(`k${index}`, 10));
    const other = new MapStore();
    const entries = [log.ownAll(2), log.operations(keys)];
    log.timeMs += 10;
    entries.push(log.entry(encodeExpire(log.timeMs)));
    machine.apply(entries);
    const replica = new ShardStateMachine(other, defaultSessionLimits);
    for (const entry of entries) replica.apply([entry]);
    replica.settle();
    const restarted = new ShardStateMachine(other, defaultSessionLimits);
    const last = log.entry(encodeExpire(log.timeMs));
    machine.apply([last]);
    restarted.apply([last]);
    expect(restarted.revision).toBe(machine.revision);
    expect(machine.revision).toBe(2 * (maxExpiredPerCommand + 10));
  });
});

describe("transactions", () => {
  test("compares, then applies one list or the other, atomically", () => {
    applyAll([put("{t}a", "1")]);
    const txn = create(TxnOperationSchema, {
      compare: [{ key: "{t}a", condition: { case: "text", value: "1" } }],
      then: [
        { kind: { case: "put", value: { key: "{t}b", payload: { case: "text", value: "2" } } } },
        { kind: { case: "get", value: { key: "{t}b" } } },
        { kind: { case: "delete", value: { key: "{t}a" } } },
      ],
      else: [{ kind: { case: "put", value: { key: "{t}c", payload: { case: "text", value: "3" } } } }],
    });
    const operation: OperationInit = { seq: 1n, kind: { case: "txn", value: txn } };
    const [first] = machine.apply([log.operations([operation], identity(1))]);
    const result = fromBinary(TxnResultSchema, first!.payloads.get(0)!);
    expect(result.succeeded).toBe(true);
    expect(result.results[1]!.kind).toMatchObject({ case: "get", value: { found: true } });
    expect([text("{t}a"), text("{t}b"), text("{t}c")]).toEqual([undefined, "2", undefined]);
    const [again] = machine.apply([log.operations([operation], identity(1))]);
    expect(again!.payloads.get(0)).toEqual(first!.payloads.get(0));
    expect(text("{t}c")).toBeUndefined();
    const [other] = machine.apply([log.operations([{ ...operation, seq: 2n }], identity(1))]);
    expect(fromBinary(TxnResultSchema, other!.payloads.get(0)!).succeeded).toBe(false);
    expect(text("{t}c")).toBe("3");
  });
});

describe("faults", () => {
  test("a batch that the store refuses stops the machine, and the next one applies it again from what the store has", () => {
    applyAll([put("a", "1", { seq: 1n })], identity(1));
    machine.settle();
    const settled = machine.appliedIndex;
    const entries = [
      log.operations([put("a", "2", { seq: 2n })], identity(1)),
      log.operations([del("a", { seq: 3n })], identity(1)),
    ];
    machine.apply(entries);
    store.failNextWrite = new Error("no space");
    expect(() => machine.settle()).toThrow("no space");
    expect(() => machine.apply([log.operations([put("b", "1")])])).toThrow("no space");
    expect(() => text("a")).toThrow("no space");
    machine = new ShardStateMachine(store, defaultSessionLimits);
    expect(machine.appliedIndex).toBe(settled);
    expect(text("a")).toBe("1");
    machine.apply(entries);
    expect(text("a")).toBeUndefined();
  });

  test("an entry in a newer format stops the replica instead of being skipped, and nothing of it reaches the store", () => {
    machine.settle();
    const entry = log.operations([put("b", "1")]);
    const next = log.operations([put("a", "1")]);
    next.data[0] = 2;
    expect(() => machine.apply([entry, next])).toThrow(CommandError);
    expect(() => machine.settle()).toThrow(CommandError);
    machine = new ShardStateMachine(store, defaultSessionLimits);
    expect(machine.appliedIndex).toBe(1);
    expect(text("b")).toBeUndefined();
  });

  test("what is applied is read at once, and reaches the store as one batch that has each key once", () => {
    machine.settle();
    let ahead = 0;
    machine.onAhead = () => (ahead += 1);
    const size = store.size;
    const written: number[] = [];
    const write = store.write.bind(store);
    store.write = (operations, meta) => {
      written.push(operations.length);
      write(operations, meta);
    };
    applyAll([put("a", "1"), put("b", "1")]);
    applyAll([put("a", "2"), del("b")]);
    expect([text("a"), text("b"), store.size, ahead]).toEqual(["2", undefined, size, 1]);
    machine.settle();
    machine.settle();
    expect(written).toEqual([2]);
    const restarted = new ShardStateMachine(store, defaultSessionLimits);
    expect(restarted.appliedIndex).toBe(machine.appliedIndex);
    expect(restarted.revision).toBe(machine.revision);
  });

  test("what waits for the store is bounded", () => {
    let most = 0;
    let waiting = 0;
    const write = store.write.bind(store);
    store.write = (operations, meta) => {
      most = Math.max(most, operations.length);
      waiting = 0;
      write(operations, meta);
    };
    for (let run = 0; run < 50; run += 1) {
      applyAll(Array.from({ length: 100 }, (_, index) => put(`k${run}-${index}`, "v")));
      waiting += 100;
      expect(waiting).toBeLessThan(1200);
    }
    expect(most).toBeGreaterThan(1000);
  });

  test("an entry that was applied before is refused", () => {
    const entry = log.operations([put("a", "1")]);
    machine.apply([entry]);
    expect(() => machine.apply([entry])).toThrow("applied before");
  });

  test("replicas that apply the same log, cut into batches anyhow, with restarts, reach the same state", () => {
    const key = fc.constantFrom("a", "b", "c", "{x}1");
    const operation = fc.oneof(
      fc.tuple(key, fc.string()).map(([k, v]) => put(k, v)),
      key.map((k) => del(k)),
      fc.tuple(key, fc.nat({ max: 20 })).map(([k, r]) => {
        return conditional(k, `r${r}`, { condition: { case: "ifRevision", value: BigInt(r) } });
      }),
      fc.tuple(key, fc.nat({ max: 30 })).map(([k, ttlMs]): OperationInit => {
        return { kind: { case: "put", value: create(PutOperationSchema, { key: k, ttlMs: BigInt(ttlMs) }) } };
      }),
    );
    const step = fc.record({
      operations: fc.array(operation, { maxLength: 5 }),
      session: fc.option(fc.nat({ max: 3 })),
      seq: fc.integer({ min: 1, max: 12 }),
      elapsedMs: fc.nat({ max: 20 }),
      sweep: fc.boolean(),
      cut: fc.boolean(),
      settle: fc.boolean(),
      restart: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const writer = new EntryWriter();
        const entries: LogEntry[] = [writer.ownAll()];
        for (const { operations, session, seq, elapsedMs, sweep } of steps) {
          writer.timeMs += elapsedMs;
          const numbered = operations.map((each, index) => ({
            ...each,
            seq: session === null ? 0n : BigInt(seq + index),
          }));
          entries.push(writer.operations(numbered, session === null ? undefined : identity(session)));
          if (sweep) entries.push(writer.entry(encodeExpire(writer.timeMs)));
        }
        entries.push(writer.entry(encodeVerifyPoint(writer.timeMs, 1, false)));
        const limits = { maxSessions: 2, idleMs: 100 };
        const stores = [new MapStore(), new MapStore()] as const;
        const single = new ShardStateMachine(stores[0], limits);
        single.apply(entries);
        let replica = new ShardStateMachine(stores[1], limits);
        const rest = (to: number): LogEntry[] => {
          return entries.slice(0, to).filter(({ index }) => index > replica.appliedIndex);
        };
        for (const [index, { cut, restart, settle }] of steps.entries()) {
          if (!cut) continue;
          replica.apply(rest(index));
          if (settle) replica.settle();
          // Without settling before, the restart finds an older state and the log's entries bring it up to date.
          if (restart) replica = new ShardStateMachine(stores[1], limits);
        }
        replica.apply(rest(entries.length));
        expect(stores[1].dump()).toBe(stores[0].dump());
        expect(replica.verifyPoint).toEqual(single.verifyPoint);
        expect(replica.revision).toBe(single.revision);
      }),
      { numRuns: 300 },
    );
  });
});
