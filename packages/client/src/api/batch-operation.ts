import { invalidArgument } from "../errors/titan-error.ts";
import { checkInteger, nameOf } from "./argument-checks.ts";
import type { DeleteOptions, PutOptions } from "./call-options.ts";
import type { Codec } from "./codec.ts";
import type { ClientLimits } from "./limits.ts";
import { deleteOperation, freshnessOf, getOperation, putOperation } from "./operation-builder.ts";
import type { ReadOperation, WriteOperation } from "./operation.ts";
import type { ReadConsistency } from "./read-consistency.ts";

/** One operation of a batch. */
export type BatchOperation<Value> =
  | ({ readonly kind: "put"; readonly key: string; readonly value: Value } & PutOptions)
  | ({ readonly kind: "delete"; readonly key: string } & DeleteOptions)
  | { readonly kind: "get"; readonly key: string; readonly consistency?: ReadConsistency | undefined };

/** Checks all operations of a batch before any is sent. @throws TitanError INVALID_ARGUMENT, TypeError. */
export function batchOperations<In>(
  operations: readonly BatchOperation<In>[],
  context: {
    readonly codec: Codec<In, unknown>;
    readonly limits: ClientLimits;
    readonly consistency: ReadConsistency;
  },
): (WriteOperation | ReadOperation)[] {
  const { codec, limits, consistency } = context;
  checkCount("operations", operations, limits);
  return operations.map((operation) => {
    switch (operation.kind) {
      case "put":
        return putOperation(operation.key, codec.encode(operation.value), operation, limits);
      case "delete":
        return deleteOperation(operation.key, operation, limits);
      case "get":
        return getOperation(operation.key, freshnessOf(operation.consistency ?? consistency), limits);
    }
    throw invalidArgument("operations", `${nameOf(operation)} is none of put, delete and get`);
  });
}

/** Checks the length of a list of operations or keys. */
export function checkCount(name: string, list: readonly unknown[], limits: ClientLimits): void {
  if (!Array.isArray(list)) throw new TypeError(`${name} is an array, not ${nameOf(list)}`);
  checkInteger(`${name}.length`, list.length, 0, limits.maxBatchOperations);
}
