/** One caller that uses the client library: does one thing after the other and records what it did and saw. */
import {
  type ReadConsistency,
  type ReadResult,
  type TitanClient,
  TitanError,
  type TxnResult,
} from "@titan-kv/client";
import type { CellName, CellReading, ObjectInput, ObjectOutput } from "../checks/object-model.ts";
import type { Random } from "../random.ts";
import type { History, OutcomeName, ReadLevelName, RecordedOperation } from "./history.ts";
import { keyOf, type KeySpace } from "./key-space.ts";

/** What a caller is made of. */
export interface CallerFields {
  /** For the record. */
  readonly number: number;
  readonly client: TitanClient<string, string>;
  readonly keys: KeySpace;
  readonly history: History;
  readonly random: Random;
  /** Begins the names of the keys that only this caller writes. */
  readonly ledgerPrefix: string;
}

/** What a call gave. */
interface Answer {
  readonly output: ObjectOutput;
  readonly origin: RecordedOperation["origin"] & object;
}

const cells = ["a", "b"] as const;
/** Milliseconds of staleness that bounded reads ask for. */
const stalenessMs = [50, 500, 3000] as const;

/** How often each kind of operation is chosen. */
const weights = {
  put: 22,
  read: 26,
  weakRead: 20,
  delete: 6,
  compareAndSet: 12,
  txn: 8,
  ledger: 6,
} as const;

type Kind = keyof typeof weights;

function chooseKind(random: Random): Kind {
  const kinds = Object.keys(weights) as Kind[];
  let left = random.fraction() * kinds.reduce((sum, kind) => sum + weights[kind], 0);
  return kinds.find((kind) => (left -= weights[kind]) < 0) ?? "read";
}

function readingOf({ entry }: ReadResult<string>): CellReading {
  return { value: entry?.value, revision: entry?.revision ?? 0 };
}

/** What is known of an operation whose call was rejected. @throws what is no answer of the client. */
function failureOf(error: unknown): { readonly outcome: OutcomeName; readonly code: string } {
  if (!(error instanceof TitanError)) throw error;
  return { outcome: error.outcome, code: error.code };
}

function txnOutput({ succeeded, results }: TxnResult<string>): ObjectOutput {
  const [a, b] = results;
  if (succeeded && a?.kind === "write" && b?.kind === "write")
    return { type: "txn", succeeded, revisions: { a: a.revision, b: b.revision } };
  if (!succeeded && a?.kind === "read" && b?.kind === "read")
    return { type: "txn", succeeded, readings: { a: readingOf(a), b: readingOf(b) } };
  throw new Error("a transaction was answered with results of other kinds than were asked for");
}

export class Caller {
  readonly #fields: CallerFields;
  /** The shard's revision as of this caller's last answer about an object. */
  readonly #seen = new Map<string, number>();
  #values = 0;
  #ledgerKeys = 0;

  constructor(fields: CallerFields) {
    this.#fields = fields;
  }

  /** Does one thing. Rejects only for a defect of the client or of this program. */
  async act(): Promise<void> {
    const { random, keys } = this.#fields;
    const kind = chooseKind(random);
    const object = keys.pick(random);
    const cell = random.pick(cells);
    switch (kind) {
      case "put":
        return this.#put(object, cell);
      case "read":
        return void (await this.#read(object, cell, random.fraction() < 0.8 ? "linearizable" : "lease"));
      case "weakRead":
        return this.#weakRead(object, cell);
      case "delete":
        return this.#delete(object, cell);
      case "compareAndSet":
        return this.#compareAndSet(object, cell);
      case "txn":
        return this.#txn(object, cell);
      case "ledger":
        return this.#ledger();
    }
  }

  async #put(object: string, cell: CellName): Promise<void> {
    const value = this.#newValue();
    await this.#record({ object, input: { type: "put", cell, value } }, async () => {
      const { revision, existed, origin } = await this.#fields.client.put(keyOf(object, cell), value);
      return { output: { type: "written", revision, existed }, origin };
    });
  }

  async #delete(object: string, cell: CellName): Promise<void> {
    await this.#record({ object, input: { type: "delete", cell } }, async () => {
      const { existed, origin } = await this.#fields.client.delete(keyOf(object, cell));
      return { output: { type: "deleted", existed }, origin };
    });
  }

  /** Reads; returns what was read, `undefined` when that failed. */
  async #read(
    object: string,
    cell: CellName,
    level: ReadLevelName,
    bound?: number,
  ): Promise<CellReading | undefined> {
    const input: ObjectInput = { type: "read", cell };
    const fields = { object, input, level, ...(bound === undefined ? {} : { bound }) };
    const operation = await this.#record(fields, async () => {
      const key = keyOf(object, cell);
      const consistency = consistencyOf(level, bound ?? 0);
      const [result] = await this.#fields.client.batch([{ kind: "get", key, consistency }]);
      if (result?.kind === "error") throw result.error;
      if (result?.kind !== "read") throw new Error("a read was answered as a write");
      return { output: { type: "read", reading: readingOf(result) }, origin: result.origin };
    });
    return operation.output?.type === "read" ? operation.output.reading : undefined;
  }

  async #weakRead(object: string, cell: CellName): Promise<void> {
    const { random } = this.#fields;
    const revision = this.#seen.get(object);
    const level = random.pick(["at-least", "bounded", "local"] as const);
    if (level === "at-least" && revision !== undefined) await this.#read(object, cell, level, revision);
    else if (level === "bounded") await this.#read(object, cell, level, random.pick(stalenessMs));
    else await this.#read(object, cell, "local");
  }

  async #compareAndSet(object: string, cell: CellName): Promise<void> {
    const found = await this.#read(object, cell, "linearizable");
    if (found === undefined) return;
    const value = this.#newValue();
    const input: ObjectInput = { type: "compareAndSet", cell, expected: found.value, value };
    await this.#record({ object, input }, async () => {
      const condition = found.value === undefined ? { ifAbsent: true } : { ifRevision: found.revision };
      const result = await this.#fields.client.put(keyOf(object, cell), value, condition);
      const { applied, revision, origin } = result;
      return { output: { type: "compared", applied, revision }, origin };
    });
  }

  async #txn(object: string, cell: CellName): Promise<void> {
    const found = await this.#read(object, cell, "linearizable");
    if (found === undefined) return;
    const values = { a: this.#newValue(), b: this.#newValue() };
    const input: ObjectInput = { type: "txn", cell, expected: found.value, values };
    await this.#record({ object, input }, async () => {
      const txn = this.#fields.client.txn();
      if (found.value === undefined) txn.ifAbsent(keyOf(object, cell));
      else txn.ifValue(keyOf(object, cell), found.value);
      for (const name of cells) txn.put(keyOf(object, name), values[name]);
      txn.otherwise();
      for (const name of cells) txn.get(keyOf(object, name));
      const result = await txn.commit();
      return { output: txnOutput(result), origin: result.origin };
    });
  }

  /** Writes a key that nobody else ever touches. */
  async #ledger(): Promise<void> {
    const { client, history, ledgerPrefix } = this.#fields;
    this.#ledgerKeys += 1;
    const key = `${ledgerPrefix}${this.#ledgerKeys}`;
    const entry = { key, value: this.#newValue(), outcome: "UNKNOWN" as OutcomeName };
    history.ledger.push(entry);
    try {
      const { applied } = await client.put(key, entry.value, { ifAbsent: true });
      entry.outcome = "ok";
      if (!applied) history.contradictions.push(`${key} was there before it was written for the first time`);
    } catch (error) {
      entry.outcome = failureOf(error).outcome;
    }
  }

  async #record(
    fields: Pick<RecordedOperation, "object" | "input" | "level" | "bound">,
    call: () => Promise<Answer>,
  ): Promise<RecordedOperation> {
    const { history, number } = this.#fields;
    const operation = history.begin({ client: number, ...fields });
    try {
      const { output, origin } = await call();
      history.end(operation, { outcome: "ok", output, origin });
      this.#seen.set(fields.object, origin.revision);
    } catch (error) {
      history.end(operation, failureOf(error));
    }
    return operation;
  }

  #newValue(): string {
    this.#values += 1;
    return `v${this.#fields.number}-${this.#values}`;
  }
}

function consistencyOf(level: ReadLevelName, bound: number): ReadConsistency {
  if (level === "at-least") return { level, minRevision: bound };
  if (level === "bounded") return { level, maxStalenessMs: bound };
  return level;
}
