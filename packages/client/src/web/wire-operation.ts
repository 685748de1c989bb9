/** Operations and their results as the messages of single calls. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type GetResult,
  type Operation,
  type OperationResult,
  OperationSchema,
  type Origin as WireOrigin,
  type ReadLevel,
  TxnOperationSchema,
  TxnResultSchema,
  type WriteResult,
} from "@titan-kv/proto";
import type {
  Answer,
  EngineOperation,
  ReadAnswer,
  ReadOperation,
  TxnOperation,
  WriteAnswer,
  WriteOperation,
} from "../api/operation.ts";
import type { Origin } from "../api/origin.ts";
import { unknownOrigin } from "../api/origin.ts";
import { wireCondition } from "../api/txn-builder.ts";
import { failure, type Failure } from "../errors/failure.ts";
import { failureOfOperation } from "../errors/wire-failure.ts";

const noBytes = new Uint8Array(0);

/** The fields of a put or delete. */
export function writeFields(operation: WriteOperation): {
  key: string;
  payload: { case: "value"; value: Uint8Array } | { case: "text"; value: string };
  ttlMs: bigint;
  returnPrevious: boolean;
} & ReturnType<typeof wireCondition> {
  const { key, value = noBytes, ttlMs, returnPrevious } = operation;
  const payload =
    typeof value === "string" ? ({ case: "text", value } as const) : ({ case: "value", value } as const);
  return { key, payload, ttlMs: BigInt(ttlMs), returnPrevious, ...wireCondition(operation) };
}

/** The fields of a get. */
export function readFields(operation: ReadOperation): {
  key: string;
  read: { level: ReadLevel; minRevision: bigint; maxStalenessMs: number };
} {
  const { key, level, minRevision, maxStalenessMs } = operation;
  return { key, read: { level, minRevision: BigInt(minRevision), maxStalenessMs } };
}

/** An operation of a batch. */
export function wireOperation(operation: EngineOperation): Operation {
  switch (operation.kind) {
    case "put":
      return create(OperationSchema, { kind: { case: "put", value: writeFields(operation) } });
    case "delete": {
      const { key, returnPrevious } = operation;
      const value = { key, returnPrevious, ...wireCondition(operation) };
      return create(OperationSchema, { kind: { case: "delete", value } });
    }
    case "get":
      return create(OperationSchema, { kind: { case: "get", value: readFields(operation) } });
    case "txn":
      return create(OperationSchema, { kind: { case: "txn", value: decodeTxn(operation) } });
  }
}

/** A transaction as a message. */
export function decodeTxn(operation: TxnOperation): ReturnType<typeof fromBinary<typeof TxnOperationSchema>> {
  return fromBinary(TxnOperationSchema, operation.txn);
}

export function writeAnswer(result: WriteResult | undefined, origin: WireOrigin | undefined): WriteAnswer {
  return {
    kind: "write",
    applied: result?.applied === true,
    revision: Number(result?.keyRevision ?? 0),
    existed: result?.existed === true,
    previous: result?.previous,
    origin: originOf(origin),
  };
}

export function readAnswer(
  result: Pick<GetResult, "found" | "payload" | "keyRevision" | "expiresAtMs">,
  origin: WireOrigin | undefined,
): ReadAnswer {
  const value = result.payload.case === "value" ? result.payload.value : noBytes;
  return {
    kind: "read",
    value: result.found ? value : undefined,
    revision: Number(result.keyRevision),
    expiresAtMs: Number(result.expiresAtMs),
    origin: originOf(origin),
  };
}

/** The answer in a result of a batch, or the failure. */
export function answerOf({ kind, origin }: OperationResult): Answer | Failure {
  switch (kind.case) {
    case "write":
      return writeAnswer(kind.value, origin);
    case "get":
      return readAnswer(kind.value, origin);
    case "txn":
      return { kind: "txn", result: toBinary(TxnResultSchema, kind.value), origin: originOf(origin) };
    case "error":
      return failureOfOperation(kind.value);
    case undefined:
      return failure({ code: "INTERNAL", outcome: "UNKNOWN", message: "an answer is empty" });
  }
}

export function originOf(origin: WireOrigin | undefined): Origin {
  if (origin === undefined) return unknownOrigin;
  const { shard, epoch, term, revision, node } = origin;
  return { shard, epoch: Number(epoch), term: Number(term), revision: Number(revision), node };
}
