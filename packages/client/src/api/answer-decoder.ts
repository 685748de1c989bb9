/** From answers to what callers get, with values read by the codec. */
import { fromBinary } from "@bufbuild/protobuf";
import { type OperationResult, TxnResultSchema } from "@titan-kv/proto";
import { type Outcome, TitanError } from "../errors/titan-error.ts";
import type { Codec } from "./codec.ts";
import type { ReadAnswer, TxnAnswer, WriteAnswer } from "./operation.ts";
import type { Origin } from "./origin.ts";
import type { Entry, ReadResult, TxnResult, WriteResult } from "./results.ts";

const noBytes = new Uint8Array(0);

/** Reads stored bytes. `outcome` is that of the operation which brought them: the write has taken place by now. */
export function decodeValue<Out>(
  codec: Codec<never, Out>,
  key: string,
  bytes: Uint8Array,
  outcome: Outcome,
): Out {
  try {
    return codec.decode(bytes);
  } catch (cause) {
    throw new TitanError(
      "DECODE_FAILED",
      `the codec cannot read the value of the key ${JSON.stringify(key)}`,
      {
        outcome,
        subject: key,
        cause,
      },
    );
  }
}

/** What `put` and `delete` return. */
export function writeResult<Out>(
  codec: Codec<never, Out>,
  key: string,
  answer: WriteAnswer,
): WriteResult<Out> {
  const { applied, revision, existed, previous, origin } = answer;
  return {
    kind: "write",
    applied,
    revision,
    existed,
    previous: previous === undefined ? undefined : decodeValue(codec, key, previous, "UNKNOWN"),
    origin,
  };
}

/** What `getEntry` returns. */
export function entryOf<Out>(
  codec: Codec<never, Out>,
  key: string,
  answer: ReadAnswer,
  outcome: Outcome = "NOT_APPLIED",
): Entry<Out> | undefined {
  const { value, revision, expiresAtMs, origin } = answer;
  if (value === undefined) return undefined;
  return {
    key,
    value: decodeValue(codec, key, value, outcome),
    revision,
    expiresAtMs: expiresAtMs === 0 ? undefined : expiresAtMs,
    origin,
  };
}

/** What a transaction returns; `then` and `otherwise` are the keys of its two lists, in their order. */
export function txnResult<Out>(
  codec: Codec<never, Out>,
  keys: { readonly then: readonly string[]; readonly otherwise: readonly string[] },
  answer: TxnAnswer,
): TxnResult<Out> {
  const { origin } = answer;
  const { succeeded, results } = readTxnResult(answer.result);
  const applied = succeeded ? keys.then : keys.otherwise;
  if (results.length !== applied.length) throw unintelligible("has the wrong number of results");
  return {
    kind: "txn",
    succeeded,
    results: results.map((result, index) => txnPart(codec, applied[index]!, result, origin)),
    origin,
  };
}

function readTxnResult(bytes: Uint8Array): { succeeded: boolean; results: OperationResult[] } {
  try {
    return fromBinary(TxnResultSchema, bytes);
  } catch (cause) {
    throw unintelligible("cannot be read", cause);
  }
}

function unintelligible(what: string, cause?: unknown): TitanError {
  return new TitanError("INTERNAL", `the answer to the transaction ${what}`, { outcome: "UNKNOWN", cause });
}

function txnPart<Out>(
  codec: Codec<never, Out>,
  key: string,
  { kind }: OperationResult,
  origin: Origin,
): WriteResult<Out> | ReadResult<Out> {
  switch (kind.case) {
    case "write": {
      const { applied, existed, previous, keyRevision } = kind.value;
      const revision = Number(keyRevision);
      return writeResult(codec, key, { kind: "write", applied, existed, previous, revision, origin });
    }
    case "get": {
      const { found, payload, keyRevision, expiresAtMs } = kind.value;
      // An empty value has no bytes on the wire.
      const value = payload.case === "value" ? payload.value : noBytes;
      const answer: ReadAnswer = {
        kind: "read",
        value: found ? value : undefined,
        revision: Number(keyRevision),
        expiresAtMs: Number(expiresAtMs),
        origin,
      };
      return { kind: "read", entry: entryOf(codec, key, answer, "UNKNOWN"), origin };
    }
    case "txn":
    case "error":
    case undefined:
      throw unintelligible(`holds ${kind.case ?? "an empty result"}`);
  }
}
