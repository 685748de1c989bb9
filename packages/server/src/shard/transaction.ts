/** Compare, then apply: one shard's transactions. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type Comparison,
  type Operation,
  type OperationResult,
  OperationResultSchema,
  type TxnOperation,
  TxnOperationSchema,
  TxnResultSchema,
  type WriteCondition,
} from "@titan-kv/proto";
import { ConditionKind } from "@titan-kv/proto/pipeline";
import { hasExisted, isApplied, keyRevisionOf, packWrite } from "./applied-result.ts";
import { CommandError } from "./command.ts";
import type { ShardStore, StoredEntry } from "./shard-store.ts";
import type { StagedWrites } from "./staged-writes.ts";
import { applyWrite, presentEntry, type WriteContext, type WriteRequest } from "./write-rules.ts";

const utf8 = new TextEncoder();
const noBytes = new Uint8Array(0);

/** Reads an encoded `TxnOperation`. @throws CommandError when it is none. */
export function decodeTxn(data: Uint8Array): TxnOperation {
  try {
    return fromBinary(TxnOperationSchema, data);
  } catch (error) {
    const reason = error instanceof Error ? error.message : "malformed";
    throw new CommandError(`the transaction cannot be read: ${reason}`, { cause: error });
  }
}

/** Every key that a transaction touches, comparisons included. */
export function txnKeys(txn: TxnOperation): Uint8Array[] {
  const operations = [...txn.then, ...txn.else];
  const keys = operations.map(({ kind }) => {
    if (kind.case === undefined || kind.case === "txn") return noBytes;
    return utf8.encode(kind.value.key);
  });
  return [...txn.compare.map(({ key }) => utf8.encode(key)), ...keys];
}

/** The bytes of a value that may have been given as text. */
function payloadBytes(payload: {
  case: string | undefined;
  value?: Uint8Array | string | undefined;
}): Uint8Array {
  if (payload.value === undefined) return noBytes;
  return typeof payload.value === "string" ? utf8.encode(payload.value) : payload.value;
}

function comparisonHolds(comparison: Comparison, entry: StoredEntry | undefined): boolean {
  const { condition } = comparison;
  switch (condition.case) {
    case "revision":
      return BigInt(entry?.version ?? 0) === condition.value;
    case "exists":
      return (entry !== undefined) === condition.value;
    case "value":
      return entry !== undefined && Buffer.compare(entry.value, condition.value) === 0;
    case "text":
      return entry !== undefined && Buffer.compare(entry.value, utf8.encode(condition.value)) === 0;
    case undefined:
      return true;
  }
}

/** A condition in the form of the pipeline's views. */
function conditionOf(
  condition: WriteCondition | undefined,
): Pick<WriteRequest, "conditionKind" | "conditionRevision"> {
  const given = condition?.condition;
  if (given?.case === "ifRevision") {
    return { conditionKind: ConditionKind.IfRevision, conditionRevision: Number(given.value) };
  }
  if (given?.case === "ifAbsent") {
    return {
      conditionKind: given.value ? ConditionKind.IfAbsent : ConditionKind.IfPresent,
      conditionRevision: 0,
    };
  }
  return { conditionKind: ConditionKind.None, conditionRevision: 0 };
}

function getResult(entry: StoredEntry | undefined): OperationResult {
  if (entry === undefined) return create(OperationResultSchema, { kind: { case: "get", value: {} } });
  return create(OperationResultSchema, {
    kind: {
      case: "get",
      value: {
        found: true,
        payload: { case: "value", value: entry.value },
        keyRevision: BigInt(entry.version),
        expiresAtMs: BigInt(entry.expiresAtMs),
      },
    },
  });
}

function applyOperation(context: WriteContext, operation: Operation): OperationResult {
  const { kind } = operation;
  if (kind.case === "get") {
    return getResult(presentEntry(context.staged, utf8.encode(kind.value.key), context.timeMs));
  }
  if (kind.case !== "put" && kind.case !== "delete") return create(OperationResultSchema, {});
  const { packed, previous } = applyWrite(context, {
    key: utf8.encode(kind.value.key),
    value: kind.case === "put" ? payloadBytes(kind.value.payload) : undefined,
    ttlMs: kind.case === "put" ? Number(kind.value.ttlMs) : 0,
    returnPrevious: kind.value.returnPrevious,
    ...conditionOf(kind.value.condition),
  });
  return create(OperationResultSchema, {
    kind: {
      case: "write",
      value: {
        applied: isApplied(packed),
        existed: hasExisted(packed),
        keyRevision: BigInt(keyRevisionOf(packed)),
        ...(previous === undefined ? {} : { previous }),
      },
    },
  });
}

/** Whether every comparison holds in the state given. */
export function compareAll(
  txn: TxnOperation,
  source: Pick<ShardStore, "getEntry"> | StagedWrites,
  timeMs: number,
): boolean {
  return txn.compare.every((comparison) => {
    return comparisonHolds(comparison, presentEntry(source, utf8.encode(comparison.key), timeMs));
  });
}

/** Decides and stages a transaction; its results come back as an encoded `TxnResult`. */
export function applyTxn(context: WriteContext, txn: TxnOperation): { packed: number; payload: Uint8Array } {
  const succeeded = compareAll(txn, context.staged, context.timeMs);
  const chosen = succeeded ? txn.then : txn.else;
  const results = chosen.map((operation) => applyOperation(context, operation));
  const payload = toBinary(TxnResultSchema, create(TxnResultSchema, { succeeded, results }));
  return { packed: packWrite(0, succeeded, false), payload };
}
