/** What a put and a delete do, given the key's state: shared by single writes and transactions. */
import { ConditionKind, type OperationView } from "@titan-kv/proto/pipeline";
import type { ChangeKind } from "./change-history.ts";
import { packWrite } from "./applied-result.ts";
import type { ShardStore, StoredEntry } from "./shard-store.ts";
import type { StagedWrites } from "./staged-writes.ts";

/** The state that a write reads and changes. */
export interface WriteContext {
  readonly staged: StagedWrites;
  readonly expiry: { add(item: { expiresAtMs: number; key: Uint8Array }): void };
  /** Log time of the entry, for expiry. */
  readonly timeMs: number;
  /** A key is about to change: notes it and returns the revision of the change. */
  readonly change: (kind: ChangeKind, key: Uint8Array, value: Uint8Array | undefined) => number;
}

/** A put or delete, from whichever encoding it came. */
export interface WriteRequest {
  readonly key: Uint8Array;
  /** `undefined` deletes. */
  readonly value: Uint8Array | undefined;
  readonly ttlMs: number;
  readonly conditionKind: ConditionKind;
  readonly conditionRevision: number;
  readonly returnPrevious: boolean;
}

/** What became of it. */
export interface WriteOutcome {
  readonly packed: number;
  readonly previous: Uint8Array | undefined;
}

/** Whether a time, as the store keeps it, means that the key is there at `timeMs`. */
export function isPresent(expiresAtMs: number, timeMs: number): boolean {
  return expiresAtMs === 0 || expiresAtMs > timeMs;
}

/** The record of a key unless its time is over. */
export function presentEntry(
  source: Pick<ShardStore, "getEntry"> | StagedWrites,
  key: Uint8Array,
  timeMs: number,
): StoredEntry | undefined {
  const entry = "entry" in source ? source.entry(key) : source.getEntry(key);
  return entry !== undefined && isPresent(entry.expiresAtMs, timeMs) ? entry : undefined;
}

function holds(request: WriteRequest, existed: boolean, revision: number): boolean {
  switch (request.conditionKind) {
    case ConditionKind.None:
      return true;
    case ConditionKind.IfRevision:
      return request.conditionRevision === revision;
    case ConditionKind.IfAbsent:
      return !existed;
    case ConditionKind.IfPresent:
      return existed;
  }
}

/** Decides and stages one write. */
export function applyWrite(context: WriteContext, request: WriteRequest): WriteOutcome {
  const { staged, timeMs } = context;
  // Only a condition on the revision and a wish for the previous value need the record itself; the rest is known
  // without touching the disk.
  const needsRecord = request.conditionKind !== ConditionKind.None || request.returnPrevious;
  const entry = needsRecord ? presentEntry(staged, request.key, timeMs) : undefined;
  const existed = needsRecord ? entry !== undefined : isPresent(staged.expiresAtMs(request.key), timeMs);
  // A copy: a session may remember it for long, and a staged value is a piece of an entry of the log, which would stay whole.
  const previous = request.returnPrevious && entry !== undefined ? Uint8Array.from(entry.value) : undefined;
  if (!holds(request, existed, entry?.version ?? 0)) {
    return { packed: packWrite(entry?.version ?? 0, false, existed), previous };
  }
  if (request.value === undefined) {
    if (!existed) return { packed: packWrite(0, true, false), previous };
    context.change("delete", request.key, undefined);
    staged.delete(request.key);
    return { packed: packWrite(0, true, true), previous };
  }
  const version = context.change("put", request.key, request.value);
  const expiresAtMs = request.ttlMs === 0 ? 0 : timeMs + request.ttlMs;
  staged.put(request.key, { value: request.value, version, expiresAtMs });
  if (expiresAtMs !== 0) context.expiry.add({ key: Uint8Array.from(request.key), expiresAtMs });
  return { packed: packWrite(version, true, existed), previous };
}

/** The write that a pipeline operation asks for. */
export function writeRequestOf(view: OperationView, isPut: boolean): WriteRequest {
  return {
    key: view.key(),
    value: isPut ? view.value() : undefined,
    ttlMs: view.ttlMs,
    conditionKind: view.conditionKind,
    conditionRevision: view.conditionRevision,
    returnPrevious: view.returnPrevious,
  };
}
