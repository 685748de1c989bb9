/** `KvService` for people, browsers and other languages: each call is one or more operations on the pipeline's path. */
import { create } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  type BatchRequest,
  type BatchResponse,
  BatchResponseSchema,
  DeleteResponseSchema,
  GetResponseSchema,
  type GetResult,
  type KvService,
  type Operation,
  type OperationResult,
  OperationResultSchema,
  PutResponseSchema,
  ReadLevel,
  type ReadOptions,
  TxnOperationSchema,
  TxnResponseSchema,
  type TxnResult,
} from "@titan-kv/proto";
import { asApiError, invalidArgument } from "../http/api-error.ts";
import { toOperationError } from "../http/error-mapping.ts";
import type { PipelineContext } from "./pipeline-stream.ts";
import { type SingleAnswer, submitOne, toStreamIdentity } from "./submit-one.ts";
import { payloadOf, wantsText } from "./text-form.ts";

/** The calls that one node answers by itself; scans, watches and pipelines are elsewhere. */
export type UnaryHandlers = Pick<ServiceImpl<typeof KvService>, "get" | "put" | "delete" | "batch" | "txn">;

/** The one answer that an operation of a given kind can have; anything else is a defect. */
function expectCase<Case extends SingleAnswer["case"]>(
  answer: SingleAnswer,
  wanted: Case,
): Extract<SingleAnswer, { case: Case }> {
  if (answer.case !== wanted)
    throw new Error(`expected the answer of a ${wanted}, got that of a ${answer.case}`);
  return answer as Extract<SingleAnswer, { case: Case }>;
}

function levelOf(read: ReadOptions | undefined): ReadLevel {
  return read === undefined || read.level === ReadLevel.UNSPECIFIED ? ReadLevel.LINEARIZABLE : read.level;
}

/** The same result with its value as text, where the caller reads JSON and the value is text. */
function withText(result: GetResult, asText: boolean): GetResult {
  if (asText && result.payload.case === "value") result.payload = payloadOf(result.payload.value, true);
  return result;
}

function txnWithText(result: TxnResult, asText: boolean): TxnResult {
  for (const { kind } of result.results) if (kind.case === "get") withText(kind.value, asText);
  return result;
}

async function runBatchOperation(
  context: PipelineContext,
  operation: Operation,
  numbering: { identity: ReturnType<typeof toStreamIdentity>; index: number },
  call: HandlerContext,
): Promise<OperationResult> {
  const { identity, index } = numbering;
  if (operation.kind.case === undefined) {
    throw invalidArgument(`operations[${index}]`, "is none of put, delete, get and txn");
  }
  const isWrite = operation.kind.case !== "get";
  const seq = identity !== undefined && isWrite ? identity.seq + BigInt(index) : 0n;
  try {
    const answer = await submitOne(
      context,
      { kind: operation.kind, seq },
      identity?.identity,
      call.timeoutMs(),
    );
    const { origin } = answer;
    const asText = wantsText(call);
    switch (answer.case) {
      case "write":
        return create(OperationResultSchema, { kind: { case: "write", value: answer.value }, origin });
      case "get":
        return create(OperationResultSchema, {
          kind: { case: "get", value: withText(answer.value, asText) },
          origin,
        });
      case "txn":
        return create(OperationResultSchema, {
          kind: { case: "txn", value: txnWithText(answer.value, asText) },
          origin,
        });
    }
  } catch (error) {
    return create(OperationResultSchema, {
      kind: { case: "error", value: toOperationError(asApiError(error)) },
    });
  }
}

function checkBatch(request: BatchRequest, context: PipelineContext): void {
  const count = request.operations.length;
  if (count === 0) throw invalidArgument("operations", "must not be empty");
  if (count > context.maxBatchOperations) {
    throw invalidArgument("operations", `has ${count}, the limit is ${context.maxBatchOperations}`);
  }
}

async function runBatch(
  context: PipelineContext,
  request: BatchRequest,
  call: HandlerContext,
): Promise<BatchResponse> {
  checkBatch(request, context);
  const identity = toStreamIdentity(request.identity);
  // All are submitted in this turn, so those of one shard share one entry of its log.
  const results = await Promise.all(
    request.operations.map((operation, index) =>
      runBatchOperation(context, operation, { identity, index }, call),
    ),
  );
  return create(BatchResponseSchema, { results });
}

/** Makes the handlers of one node. */
export function createUnaryHandlers(context: PipelineContext): UnaryHandlers {
  return {
    async get(request, call) {
      const { key, read } = request;
      const operation = { key, ...(read === undefined ? {} : { read }) };
      const answer = await submitOne(
        context,
        { kind: { case: "get", value: operation } },
        undefined,
        call.timeoutMs(),
      );
      const { value, origin } = expectCase(answer, "get");
      const { found, payload, keyRevision, expiresAtMs } = withText(value, wantsText(call));
      return create(GetResponseSchema, {
        found,
        payload,
        keyRevision,
        expiresAtMs,
        origin,
        level: levelOf(read),
      });
    },

    async put(request, call) {
      const identity = toStreamIdentity(request.identity);
      const { key, payload, ttlMs, condition, returnPrevious } = request;
      const value = {
        key,
        payload,
        ttlMs,
        returnPrevious,
        ...(condition === undefined ? {} : { condition }),
      };
      const operation = { kind: { case: "put" as const, value }, seq: identity?.seq ?? 0n };
      const answer = expectCase(
        await submitOne(context, operation, identity?.identity, call.timeoutMs()),
        "write",
      );
      return create(PutResponseSchema, { result: answer.value, origin: answer.origin });
    },

    async delete(request, call) {
      const identity = toStreamIdentity(request.identity);
      const { key, condition, returnPrevious } = request;
      const value = { key, returnPrevious, ...(condition === undefined ? {} : { condition }) };
      const operation = { kind: { case: "delete" as const, value }, seq: identity?.seq ?? 0n };
      const answer = expectCase(
        await submitOne(context, operation, identity?.identity, call.timeoutMs()),
        "write",
      );
      return create(DeleteResponseSchema, { result: answer.value, origin: answer.origin });
    },

    batch: (request, call) => runBatch(context, request, call),

    async txn(request, call) {
      const identity = toStreamIdentity(request.identity);
      const { compare, then, else: otherwise } = request;
      const value = create(TxnOperationSchema, { compare, then, else: otherwise });
      const operation = { kind: { case: "txn" as const, value }, seq: identity?.seq ?? 0n };
      const answer = expectCase(
        await submitOne(context, operation, identity?.identity, call.timeoutMs()),
        "txn",
      );
      return create(TxnResponseSchema, {
        result: txnWithText(answer.value, wantsText(call)),
        origin: answer.origin,
      });
    },
  };
}
