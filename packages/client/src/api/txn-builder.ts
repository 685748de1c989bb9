/** Transactions within a shard: compare, then apply one of two lists, atomically. */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  type Comparison,
  ComparisonSchema,
  type Operation,
  OperationSchema,
  TxnOperationSchema,
} from "@titan-kv/proto";
import { invalidArgument } from "../errors/titan-error.ts";
import { txnResult } from "./answer-decoder.ts";
import { callContext, checkInteger, checkKey, checkValue } from "./argument-checks.ts";
import type { CallOptions, DeleteOptions, PutOptions } from "./call-options.ts";
import type { Codec } from "./codec.ts";
import type { Engine } from "./engine.ts";
import type { ClientLimits } from "./limits.ts";
import { deleteOperation, putOperation } from "./operation-builder.ts";
import { Condition, type TxnOperation, type WriteOperation } from "./operation.ts";
import type { TxnResult } from "./results.ts";

const utf8 = new TextEncoder();

/** What a transaction needs of its client. */
export interface TxnContext<In, Out> {
  readonly engine: Engine;
  readonly codec: Codec<In, Out>;
  readonly limits: ClientLimits;
}

/**
 * Collects a transaction. The comparisons decide: when every one holds, the operations added before `otherwise` are
 * applied, else those after it. All keys must belong to one shard; give them a common part in braces, as in
 * `{user:1}:cart`. Methods throw as those of the client do, at once.
 */
export class TxnBuilder<In, Out> {
  readonly #context: TxnContext<In, Out>;
  readonly #compare: Comparison[] = [];
  readonly #then: Operation[] = [];
  readonly #otherwise: Operation[] = [];
  readonly #keys: { readonly then: string[]; readonly otherwise: string[] } = { then: [], otherwise: [] };
  #list: "then" | "otherwise" = "then";
  #firstKey: string | undefined;

  constructor(context: TxnContext<In, Out>) {
    this.#context = context;
  }

  /** Compares: the key's revision is exactly this one; 0 means it is absent. */
  ifRevision(key: string, revision: number): this {
    const value = BigInt(checkInteger("revision", revision, 0, Number.MAX_SAFE_INTEGER));
    return this.#comparison(key, { case: "revision", value });
  }

  /** Compares: the key is absent or has expired. */
  ifAbsent(key: string): this {
    return this.#comparison(key, { case: "exists", value: false });
  }

  /** Compares: the key is there. */
  ifPresent(key: string): this {
    return this.#comparison(key, { case: "exists", value: true });
  }

  /** Compares: the key is there and its stored bytes are those of this value. */
  ifValue(key: string, value: In): this {
    const encoded = this.#context.codec.encode(value);
    checkValue(encoded, this.#context.limits);
    const bytes = typeof encoded === "string" ? utf8.encode(encoded) : encoded;
    return this.#comparison(key, { case: "value", value: bytes });
  }

  /** Writes a key. */
  put(key: string, value: In, options?: PutOptions): this {
    const { codec, limits } = this.#context;
    const operation = putOperation(key, codec.encode(value), options, limits);
    const encoded = operation.value ?? "";
    const payload =
      typeof encoded === "string"
        ? ({ case: "text", value: encoded } as const)
        : ({ case: "value", value: encoded } as const);
    const ttlMs = BigInt(operation.ttlMs);
    return this.#operation(key, {
      case: "put",
      value: { key, payload, ttlMs, returnPrevious: operation.returnPrevious, ...wireCondition(operation) },
    });
  }

  /** Removes a key. */
  delete(key: string, options?: DeleteOptions): this {
    const operation = deleteOperation(key, options, this.#context.limits);
    return this.#operation(key, {
      case: "delete",
      value: { key, returnPrevious: operation.returnPrevious, ...wireCondition(operation) },
    });
  }

  /** Reads a key as it is at this point of the transaction. */
  get(key: string): this {
    checkKey(key, this.#context.limits);
    return this.#operation(key, { case: "get", value: { key } });
  }

  /** What is added from here on is applied when a comparison does not hold. */
  otherwise(): this {
    this.#list = "otherwise";
    return this;
  }

  /**
   * Sends the transaction; durable as a put when it resolves. It happens at most once. Calling it again runs the same
   * transaction anew.
   * @throws TitanError as `put`, and CROSS_SHARD when the keys belong to different shards.
   */
  async commit(options?: CallOptions): Promise<TxnResult<Out>> {
    const { engine, codec } = this.#context;
    const keys = { then: [...this.#keys.then], otherwise: [...this.#keys.otherwise] };
    const answer = await engine.txn(this.#encode(), callContext(options));
    return txnResult(codec, keys, answer);
  }

  #encode(): TxnOperation {
    const { limits } = this.#context;
    const key = this.#firstKey;
    if (key === undefined) throw invalidArgument("txn", "has neither comparisons nor operations");
    const count = this.#compare.length + this.#then.length + this.#otherwise.length;
    if (count > limits.maxTxnOperations) {
      throw invalidArgument(
        "txn",
        `has ${count} comparisons and operations, the limit maxTxnOperations is ${limits.maxTxnOperations}`,
      );
    }
    const message = create(TxnOperationSchema, {
      compare: this.#compare,
      then: this.#then,
      else: this.#otherwise,
    });
    const txn = toBinary(TxnOperationSchema, message);
    if (txn.length > limits.maxTxnBytes) {
      throw invalidArgument("txn", `has ${txn.length} bytes, the limit maxTxnBytes is ${limits.maxTxnBytes}`);
    }
    return { kind: "txn", key, txn, bytes: txn.length };
  }

  #comparison(key: string, condition: Comparison["condition"]): this {
    checkKey(key, this.#context.limits);
    this.#firstKey ??= key;
    this.#compare.push(create(ComparisonSchema, { key, condition }));
    return this;
  }

  #operation(key: string, kind: Parameters<typeof createOperation>[0]): this {
    this.#firstKey ??= key;
    this.#keys[this.#list].push(key);
    (this.#list === "then" ? this.#then : this.#otherwise).push(createOperation(kind));
    return this;
  }
}

function createOperation(
  kind: NonNullable<NonNullable<Parameters<typeof create<typeof OperationSchema>>[1]>["kind"]>,
): Operation {
  return create(OperationSchema, { kind });
}

/** A condition as the messages of the API have it. */
export function wireCondition(operation: WriteOperation): {
  condition?: { condition: { case: "ifRevision"; value: bigint } | { case: "ifAbsent"; value: boolean } };
} {
  switch (operation.conditionKind) {
    case Condition.None:
      return {};
    case Condition.IfRevision:
      return { condition: { condition: { case: "ifRevision", value: BigInt(operation.conditionRevision) } } };
    case Condition.IfAbsent:
    case Condition.IfPresent: {
      const value = operation.conditionKind === Condition.IfAbsent;
      return { condition: { condition: { case: "ifAbsent", value } } };
    }
  }
}
