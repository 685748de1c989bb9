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
  WireError,
  type WriteResultFields,
} from "@titan-kv/proto/pipeline";
import { ApiError, invalidArgument } from "../http/api-error.ts";
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

/** How long to wait before a refused operation is tried again, when the refusal does not say. */
const defaultRetryMs = 20;

/** Whether an operation that failed had no effect and will soon meet a cluster that has settled. */
function isPassing(error: unknown): error is ApiError {
  if (!(error instanceof ApiError) || error.outcome !== "NOT_APPLIED") return false;
  return error.reason === "NOT_LEADER" || error.reason === "WRONG_SHARD" || error.reason === "SLOT_MOVING";
}

/**
 * Sends one operation on its way and resolves with its answer. While the shard has no leader, or is on its way to another
 * one, the node tries again for the caller, who has no queue of its own, as long as its time lasts.
 * @throws ApiError
 */
export async function submitOne(
  context: PipelineContext,
  operation: MessageInitShape<typeof PipelineOperationSchema>,
  identity: StreamIdentity | undefined,
  timeoutMs: number | undefined,
): Promise<SingleAnswer> {
  const bytes = toBinary(PipelineOperationSchema, create(PipelineOperationSchema, operation));
  const deadlineMs = context.now() + Math.min(timeoutMs ?? context.defaultTimeoutMs, context.maxTimeoutMs);
  for (;;) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- tries follow each other
      return await attempt(context, bytes, identity, deadlineMs);
    } catch (error) {
      if (!isPassing(error)) throw error;
      const retryMs = error.retryAfterMs ?? defaultRetryMs;
      if (context.now() + retryMs >= deadlineMs) throw error;
      // oxlint-disable-next-line no-await-in-loop -- waiting is the purpose
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
}

/** @throws ApiError for what the API's types allow and an operation cannot have, such as a time beyond 2^53. */
function readOperation(bytes: Uint8Array): OperationView {
  const view = new OperationView();
  try {
    view.read(bytes, 0, bytes.length);
  } catch (error) {
    if (error instanceof WireError) throw invalidArgument("operation", error.message);
    throw error;
  }
  return view;
}

function attempt(
  context: PipelineContext,
  bytes: Uint8Array,
  identity: StreamIdentity | undefined,
  deadlineMs: number,
): Promise<SingleAnswer> {
  const view = readOperation(bytes);
  return new Promise((resolve, reject) => {
    const pending = new PendingOperation({
      id: 0,
      deadlineMs,
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
