import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  ErrorInfoSchema,
  type PipelineRequest,
  PipelineRequestSchema,
  type PipelineResponse,
  PipelineResponseSchema,
  type TxnOperationSchema,
} from "@titan-kv/proto";

const session = new Uint8Array(16).fill(9);
const large = BigInt(Number.MAX_SAFE_INTEGER);

/** A transaction with everything that one may have. */
export const sampleTxn: MessageInitShape<typeof TxnOperationSchema> = {
  compare: [
    { key: "{t}a", condition: { case: "revision", value: 7n } },
    { key: "{t}b", condition: { case: "exists", value: true } },
    { key: "{t}c", condition: { case: "value", value: Uint8Array.of(0xff) } },
    { key: "{t}d", condition: { case: "text", value: "text" } },
  ],
  then: [
    { kind: { case: "put", value: { key: "{t}a", payload: { case: "text", value: "new" }, ttlMs: 1000n } } },
    { kind: { case: "delete", value: { key: "{t}b", returnPrevious: true } } },
  ],
  else: [{ kind: { case: "get", value: { key: "{t}a" } } }],
};

/** Messages that clients send. */
export function sampleRequests(): PipelineRequest[] {
  return [
    create(PipelineRequestSchema, {
      epoch: 4n,
      identity: { session, openedMs: 1_700_000_000_000n, acknowledgedBelow: 3n },
      operations: [
        {
          id: 1n,
          seq: 3n,
          timeoutMs: 500,
          kind: { case: "put", value: { key: "a", payload: { case: "value", value: Uint8Array.of(1, 2) } } },
        },
        {
          id: large,
          seq: 4n,
          kind: {
            case: "put",
            value: {
              key: "naïve ✓",
              payload: { case: "text", value: "text" },
              ttlMs: 300n,
              returnPrevious: true,
              condition: { condition: { case: "ifRevision", value: 9n } },
            },
          },
        },
        {
          id: 3n,
          seq: 5n,
          kind: {
            case: "delete",
            value: { key: "b", condition: { condition: { case: "ifAbsent", value: false } } },
          },
        },
      ],
    }),
    create(PipelineRequestSchema, {
      operations: [
        { id: 4n, kind: { case: "get", value: { key: "a", read: { level: 3, minRevision: 12n } } } },
        { id: 5n, kind: { case: "get", value: { key: "b", read: { level: 4, maxStalenessMs: 100 } } } },
        { id: 6n, kind: { case: "txn", value: sampleTxn } },
      ],
    }),
    create(PipelineRequestSchema, {}),
  ];
}

/** Messages that nodes answer with. */
export function sampleResponses(): PipelineResponse[] {
  const origin = { shard: 2, epoch: 4n, term: 9n, revision: large, node: 3 };
  const error = {
    code: 9,
    message: "not now",
    info: create(ErrorInfoSchema, { retryAfterMs: 20, subject: "key" }),
  };
  return [
    create(PipelineResponseSchema, {
      epoch: 4n,
      results: [
        {
          id: 1n,
          origin,
          kind: {
            case: "write",
            value: { applied: true, keyRevision: 3n, existed: true, previous: Uint8Array.of(1) },
          },
        },
        {
          id: 2n,
          origin,
          kind: {
            case: "get",
            value: {
              found: true,
              payload: { case: "value", value: Buffer.from("value") },
              keyRevision: 3n,
              expiresAtMs: 1n,
            },
          },
        },
        { id: 3n, origin, kind: { case: "get", value: { found: false } } },
      ],
    }),
    create(PipelineResponseSchema, {
      results: [
        {
          id: 4n,
          origin,
          kind: {
            case: "txn",
            value: { succeeded: true, results: [{ kind: { case: "write", value: { applied: true } } }] },
          },
        },
        { id: 5n, kind: { case: "error", value: error } },
      ],
    }),
    create(PipelineResponseSchema, {}),
  ];
}
