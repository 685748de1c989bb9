/** From results on a pipeline to answers. */
import { fromBinary } from "@bufbuild/protobuf";
import { OperationErrorSchema } from "@titan-kv/proto";
import { ResultKind, type ResultView } from "@titan-kv/proto/pipeline";
import type { Answer, EngineOperation } from "../api/operation.ts";
import type { Origin } from "../api/origin.ts";
import { failure, type Failure } from "../errors/failure.ts";
import { failureOfOperation } from "../errors/wire-failure.ts";

const noBytes = new Uint8Array(0);

/** Reads results of one client. Keeps the last origin: the answers of one entry of a shard's log share theirs. */
export class AnswerReader {
  #origin: Origin = { shard: 0, epoch: 0, term: 0, revision: 0, node: 0 };

  /** The answer that a result holds, or the failure. The bytes are copied. */
  read(operation: EngineOperation, result: ResultView): Answer | Failure {
    switch (result.kind) {
      case ResultKind.Error:
        return operationFailure(result.bytes() ?? noBytes);
      case ResultKind.Write:
        if (operation.kind !== "put" && operation.kind !== "delete") break;
        return {
          kind: "write",
          applied: result.positive,
          revision: result.keyRevision,
          existed: result.existed,
          previous: operation.returnPrevious && result.existed ? (result.bytes() ?? noBytes) : undefined,
          origin: this.#originOf(result),
        };
      case ResultKind.Get:
        if (operation.kind !== "get") break;
        return {
          kind: "read",
          // An empty value has no bytes on the wire.
          value: result.positive ? (result.bytes() ?? noBytes) : undefined,
          revision: result.keyRevision,
          expiresAtMs: result.expiresAtMs,
          origin: this.#originOf(result),
        };
      case ResultKind.Txn:
        if (operation.kind !== "txn") break;
        return { kind: "txn", result: result.bytes() ?? noBytes, origin: this.#originOf(result) };
    }
    return failure({
      code: "INTERNAL",
      outcome: "UNKNOWN",
      message: `the answer to a ${operation.kind} is one to something else`,
    });
  }

  #originOf(result: ResultView): Origin {
    const { shard, epoch, term, revision, node } = result;
    const last = this.#origin;
    if (
      last.revision !== revision ||
      last.shard !== shard ||
      last.node !== node ||
      last.term !== term ||
      last.epoch !== epoch
    ) {
      this.#origin = { shard, epoch, term, revision, node };
    }
    return this.#origin;
  }
}

function operationFailure(bytes: Uint8Array): Failure {
  try {
    return failureOfOperation(fromBinary(OperationErrorSchema, bytes));
  } catch (cause) {
    return failure({ code: "INTERNAL", outcome: "UNKNOWN", message: "the error cannot be read", cause });
  }
}
