/** Single operations, as unary calls make them, on the path that pipelines use. */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type GetResult,
  GetResultSchema,
  type Origin,
  OriginSchema,
  PipelineOperationSchema,
  type TxnResult,
  TxnResultSchema,
  type WriteIdentity,
  type WriteResult,
  WriteResultSchema,
} from "@titan-kv/proto";
import {
  type GetResultFields,
  OperationKind,
  OperationView,
  type OriginFields,
  sessionBytes,
  type StreamIdentity,
  type WriteResultFields,
} from "@titan-kv/proto/pipeline";
import { type ApiError, invalidArgument } from "../http/api-error.ts";
import { PendingOperation } from "./pending-operation.ts";
import type { PipelineContext } from "./pipeline-stream.ts";

/** The answer to one operation. */
export type SingleAnswer =
  | { readonly case: "write"; readonly value: WriteResult; readonly origin: Origin }
  | { readonly case: "get"; readonly value: GetResult; readonly origin: Origin }
  | { readonly case: "txn"; readonly value: TxnResult; readonly origin: Origin };

export function toOrigin(origin: OriginFields): Origin {
  const { shard, epoch, term, revision, node } = origin;
  return create(OriginSchema, {
    shard,
    epoch: BigInt(epoch),
    term: BigInt(term),
    revision: BigInt(revision),
    node,
  });
}

function toWriteResult({ applied, keyRevision, existed, previous }: WriteResultFields): WriteResult {
  return create(WriteResultSchema, {
    applied,
    existed,
    keyRevision: BigInt(keyRevision),
    ...(previous === undefined ? {} : { previous }),
  });
}

function toGetResult({ found, value, keyRevision, expiresAtMs }: GetResultFields): GetResult {
  return create(GetResultSchema, {
    found,
    keyRevision: BigInt(keyRevision),
    expiresAtMs: BigInt(expiresAtMs),
    ...(value === undefined ? {} : { payload: { case: "value", value } }),
  });
}

/** The identity of unary writes in the pipeline's form, with the position of the first one; none is none. */
export function toStreamIdentity(
  identity: WriteIdentity | undefined,
): { identity: StreamIdentity; seq: bigint } | undefined {
  if (identity === undefined) return undefined;
  if (identity.session.length !== sessionBytes) {
    throw invalidArgument("identity.session", `has ${identity.session.length} bytes, not ${sessionBytes}`);
  }
  if (identity.seq < 1n) throw invalidArgument("identity.seq", "must be at least 1");
  return {
    identity: {
      session: identity.session,
      openedMs: Number(identity.openedMs),
      acknowledgedBelow: Number(identity.acknowledgedBelow),
    },
    seq: identity.seq,
  };
}

/** Sends one operation on its way and resolves with its answer. @throws ApiError */
export function submitOne(
  context: PipelineContext,
  operation: MessageInitShape<typeof PipelineOperationSchema>,
  identity: StreamIdentity | undefined,
  timeoutMs: number | undefined,
): Promise<SingleAnswer> {
  const bytes = toBinary(PipelineOperationSchema, create(PipelineOperationSchema, operation));
  const view = new OperationView();
  view.read(bytes, 0, bytes.length);
  const limitMs = Math.min(timeoutMs ?? context.defaultTimeoutMs, context.maxTimeoutMs);
  return new Promise((resolve, reject) => {
    const pending = new PendingOperation({
      id: 0,
      deadlineMs: context.now() + limitMs,
      isWrite: view.kind !== OperationKind.Get,
      sink: {
        write: (_id, result, origin) =>
          resolve({ case: "write", value: toWriteResult(result), origin: toOrigin(origin) }),
        get: (_id, result, origin) =>
          resolve({ case: "get", value: toGetResult(result), origin: toOrigin(origin) }),
        txn: (_id, txn, origin) =>
          resolve({ case: "txn", value: fromBinary(TxnResultSchema, txn), origin: toOrigin(origin) }),
        error: (_id, error: ApiError) => reject(error),
      },
    });
    context.router.submit(view, identity, pending, false);
    if (!pending.isSettled) context.deadlines.add(pending);
  });
}
