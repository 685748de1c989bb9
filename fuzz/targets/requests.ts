/** Requests of clients, up to the point where a shard would take them: what passes must not be able to fail in a shard. */
import { create, fromBinary, fromJson, toBinary, toJsonString } from "@bufbuild/protobuf";
import type { DescMessage } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import {
  BatchRequestSchema,
  DeleteRequestSchema,
  GetRequestSchema,
  PipelineRequestSchema,
  PipelineResponseSchema,
  PutRequestSchema,
  TxnRequestSchema,
} from "@titan-kv/proto";
import { visitRequest, WireError } from "@titan-kv/proto/pipeline";
import { ApiError } from "../../packages/server/src/http/api-error.ts";
import { Deadlines } from "../../packages/server/src/kv/deadlines.ts";
import { Forwarder } from "../../packages/server/src/kv/forwarder.ts";
import { type PipelineContext, PipelineStream } from "../../packages/server/src/kv/pipeline-stream.ts";
import { defaultRequestLimits } from "../../packages/server/src/kv/request-limits.ts";
import { Router } from "../../packages/server/src/kv/router.ts";
import { createUnaryHandlers, type UnaryHandlers } from "../../packages/server/src/kv/unary-handlers.ts";
import { bytesOf, Finding, type FuzzInput, type FuzzTarget } from "../src/fuzz-target.ts";
import { mutate } from "../src/mutation.ts";
import { changeJson } from "../support/json-changes.ts";
import { sampleRequests, sampleTxn } from "../support/pipeline-samples.ts";

const limits = { ...defaultRequestLimits, maxKeyBytes: 256, maxBatchOperations: 64 };

const now = (): number => 0;

/** A node without shards: every request is read and checked, and none is served. */
function contextWithoutShards(): PipelineContext {
  const router = new Router({ limits, forwarder: new Forwarder({ send: () => false, now }) });
  return {
    router,
    deadlines: new Deadlines(now),
    now,
    defaultTimeoutMs: 1,
    maxTimeoutMs: 1,
    maxStreamOperations: 1000,
    maxBatchOperations: limits.maxBatchOperations,
    meterOf: () => ({ settled: () => undefined }),
  };
}

/** A message of a pipeline: every operation in it is answered once, or the whole message refused. */
export const pipelineStream: FuzzTarget = {
  name: "pipeline-stream",
  seeds: () =>
    sampleRequests().map((request) => [
      { name: "input", bytes: Buffer.from(toBinary(PipelineRequestSchema, request)) },
    ]),
  async run(input) {
    const answers: bigint[] = [];
    const stream = new PipelineStream({
      context: contextWithoutShards(),
      send: (message) => {
        for (const { id } of fromBinary(PipelineResponseSchema, message).results) answers.push(id);
      },
      wasForwarded: false,
    });
    const bytes = bytesOf(input);
    stream.receive(bytes, 0, bytes.length);
    await Promise.resolve();
    let operations = 0;
    visitRequest(bytes, 0, bytes.length, {
      operation: () => (operations += 1),
      identity: () => undefined,
      epoch: () => undefined,
    });
    if (stream.underWay !== 0 || answers.length !== operations) {
      throw new Finding(
        `${operations} operations had ${answers.length} answers, ${stream.underWay} are under way`,
      );
    }
  },
  isRefusal: (error) => error instanceof WireError || error instanceof ApiError,
};

interface UnaryMethod {
  readonly name: keyof UnaryHandlers;
  readonly schema: DescMessage;
}

const methods: readonly UnaryMethod[] = [
  { name: "get", schema: GetRequestSchema },
  { name: "put", schema: PutRequestSchema },
  { name: "delete", schema: DeleteRequestSchema },
  { name: "batch", schema: BatchRequestSchema },
  { name: "txn", schema: TxnRequestSchema },
];

const identity = { session: new Uint8Array(16).fill(3), openedMs: 1n, seq: 9n, acknowledgedBelow: 2n };
const put = { key: "a", payload: { case: "text" as const, value: "b" } };

/** A valid request of each kind, in both encodings. The file's name says which it is. */
function unarySeeds(): FuzzInput[] {
  const messages = [
    create(GetRequestSchema, { key: "a", read: { level: 4, maxStalenessMs: 10 } }),
    create(PutRequestSchema, { ...put, ttlMs: 500n, returnPrevious: true, identity }),
    create(DeleteRequestSchema, {
      key: "a",
      condition: { condition: { case: "ifAbsent", value: false } },
      identity,
    }),
    create(BatchRequestSchema, {
      operations: [
        { kind: { case: "put", value: put } },
        { kind: { case: "get", value: { key: "a" } } },
        { kind: { case: "txn", value: sampleTxn } },
      ],
      identity,
    }),
    create(TxnRequestSchema, { ...(sampleTxn as object), identity }),
  ];
  return messages.flatMap((message, index) => {
    const { name, schema } = methods[index]!;
    return [
      [{ name: `${name}.binary`, bytes: Buffer.from(toBinary(schema, message)) }],
      [{ name: `${name}.json`, bytes: Buffer.from(toJsonString(schema, message)) }],
    ];
  });
}

/** The library refuses what it cannot decode before a handler sees it, with an error that it makes itself. */
class Undecodable extends Error {}

function decode(schema: DescMessage, isJson: boolean, bytes: Buffer): unknown {
  try {
    return isJson ? fromJson(schema, JSON.parse(bytes.toString("utf8"))) : fromBinary(schema, bytes);
  } catch (error) {
    throw new Undecodable("not a request", { cause: error });
  }
}

const call = {
  timeoutMs: () => 1,
  requestHeader: new Headers({ "content-type": "application/json" }),
  url: "http://node/",
} as unknown as HandlerContext;

/** Unary requests, in the two encodings of the API. */
export const unaryRequests: FuzzTarget = {
  name: "unary-requests",
  seeds: unarySeeds,
  vary(seed, random) {
    const [part] = seed;
    if (part === undefined || part.name.endsWith(".binary")) return mutate([seed], random);
    return [{ name: part.name, bytes: Buffer.from(changeJson(part.bytes.toString("utf8"), random)) }];
  },
  async run(input) {
    const [name, encoding] = (input[0]?.name ?? "get.binary").split(".");
    const method = methods.find((each) => each.name === name) ?? methods[0]!;
    const request = decode(method.schema, encoding === "json", bytesOf(input));
    const handler = createUnaryHandlers(contextWithoutShards())[method.name] as (
      request: unknown,
      call: HandlerContext,
    ) => unknown;
    await handler(request, call);
  },
  isRefusal: (error) => error instanceof ApiError || error instanceof Undecodable,
};
