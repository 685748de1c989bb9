/**
 * Operations as people write them in JSON, for `titan batch` (one per line) and `titan txn` (one document).
 *
 *     {"put": "user:1", "value": "text"}   or "base64" for bytes; "ttl": "30s"; one condition
 *     {"delete": "user:1"}                 one condition
 *     {"get": "user:1"}
 *     conditions: "ifAbsent": true, "ifPresent": true, "ifRevision": 7
 */
import type { BatchOperation, PutOptions, TxnBuilder } from "@titan-kv/client";
import { parseDuration } from "./durations.ts";

type Fields = Readonly<Record<string, unknown>>;
type Value = string | Uint8Array;

/** An operation of a batch. */
export type DocumentOperation = BatchOperation<Value>;

/** What is wrong with a document; the message begins with where. */
export class DocumentError extends Error {
  override readonly name = "DocumentError";
}

const putFields = ["put", "value", "base64", "ttl", "ifAbsent", "ifPresent", "ifRevision", "returnPrevious"];
const deleteFields = ["delete", "ifPresent", "ifRevision", "returnPrevious"];

/** The fields of an object. @throws DocumentError when it is something else, or has others than `allowed`. */
function fieldsOf(value: unknown, where: string, allowed: readonly string[]): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DocumentError(`${where} is not a JSON object`);
  }
  const unknown = Object.keys(value).find((name) => !allowed.includes(name));
  if (unknown !== undefined) {
    throw new DocumentError(
      `${where} has the field ${JSON.stringify(unknown)}; allowed are ${allowed.join(", ")}`,
    );
  }
  return value as Fields;
}

function textOf(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  throw new DocumentError(`${where} is not text`);
}

/** Bytes that are written as base64; anything that is not exactly that is refused, since bytes would get lost. */
export function bytesOfBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

function valueOf(fields: Fields, where: string): Value {
  const { value, base64 } = fields;
  if ((value === undefined) === (base64 === undefined)) {
    throw new DocumentError(`${where} needs one of "value" and "base64"`);
  }
  if (value !== undefined) return textOf(value, `${where}.value`);
  const bytes = bytesOfBase64(textOf(base64, `${where}.base64`));
  if (bytes === undefined) throw new DocumentError(`${where}.base64 is not base64`);
  return bytes;
}

function conditionsOf(fields: Fields, where: string): PutOptions {
  const { ifAbsent, ifPresent, ifRevision, returnPrevious } = fields;
  for (const [name, flag] of Object.entries({ ifAbsent, ifPresent, returnPrevious })) {
    if (flag !== undefined && typeof flag !== "boolean") {
      throw new DocumentError(`${where}.${name} is neither true nor false`);
    }
  }
  if (ifRevision !== undefined && !(Number.isSafeInteger(ifRevision) && (ifRevision as number) >= 0)) {
    throw new DocumentError(`${where}.ifRevision is not a whole number`);
  }
  return {
    ...(ifAbsent === true && { ifAbsent }),
    ...(ifPresent === true && { ifPresent }),
    ...(ifRevision !== undefined && { ifRevision: ifRevision as number }),
    ...(returnPrevious === true && { returnPrevious }),
  };
}

function ttlOf(ttl: unknown, where: string): PutOptions {
  if (ttl === undefined) return {};
  try {
    return { ttlMs: parseDuration(textOf(ttl, `${where}.ttl`)) };
  } catch (error) {
    throw error instanceof DocumentError
      ? error
      : new DocumentError(`${where}.ttl is not a time such as "30s"`);
  }
}

/** Reads one operation. @throws DocumentError. */
function parseOperation(value: unknown, where: string): DocumentOperation {
  if (typeof value === "object" && value !== null) {
    if ("put" in value) {
      const fields = fieldsOf(value, where, putFields);
      const key = textOf(fields["put"], `${where}.put`);
      const options = { ...conditionsOf(fields, where), ...ttlOf(fields["ttl"], where) };
      return { kind: "put", key, value: valueOf(fields, where), ...options };
    }
    if ("delete" in value) {
      const fields = fieldsOf(value, where, deleteFields);
      const { ifPresent, ifRevision, returnPrevious } = conditionsOf(fields, where);
      const key = textOf(fields["delete"], `${where}.delete`);
      return { kind: "delete", key, ifPresent, ifRevision, returnPrevious };
    }
    if ("get" in value) {
      const fields = fieldsOf(value, where, ["get"]);
      return { kind: "get", key: textOf(fields["get"], `${where}.get`) };
    }
  }
  throw new DocumentError(`${where} has none of "put", "delete" and "get"`);
}

/** Reads JSON. @throws DocumentError with what the parser says. */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new DocumentError(`${where} is not JSON: ${(error as Error).message}`);
  }
}

/** Reads a batch: one operation per line, empty lines left out. @throws DocumentError naming the line. */
export function parseBatch(text: string): DocumentOperation[] {
  return text.split("\n").flatMap((line, index) => {
    const where = `line ${index + 1}`;
    return line.trim() === "" ? [] : [parseOperation(parseJson(line, where), where)];
  });
}

type Txn = TxnBuilder<Value, Uint8Array>;

function addComparison(txn: Txn, value: unknown, where: string): void {
  const fields = fieldsOf(value, where, ["key", "revision", "exists", "value", "base64"]);
  const key = textOf(fields["key"], `${where}.key`);
  const { revision, exists } = fields;
  const isCompared = [revision, exists, fields["value"], fields["base64"]].filter(
    (each) => each !== undefined,
  );
  if (isCompared.length !== 1) {
    throw new DocumentError(`${where} needs one of "revision", "exists", "value" and "base64"`);
  }
  if (exists === true) txn.ifPresent(key);
  else if (exists === false) txn.ifAbsent(key);
  else if (exists !== undefined) throw new DocumentError(`${where}.exists is neither true nor false`);
  else if (revision === undefined) txn.ifValue(key, valueOf(fields, where));
  else if (Number.isSafeInteger(revision) && (revision as number) >= 0)
    txn.ifRevision(key, revision as number);
  else throw new DocumentError(`${where}.revision is not a whole number`);
}

function addOperation(txn: Txn, value: unknown, where: string): void {
  const operation = parseOperation(value, where);
  switch (operation.kind) {
    case "put":
      txn.put(operation.key, operation.value, operation);
      return;
    case "delete":
      txn.delete(operation.key, operation);
      return;
    case "get":
      txn.get(operation.key);
  }
}

function listOf(value: unknown, where: string): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw new DocumentError(`${where} is not a JSON array`);
}

/** Reads `{"compare": […], "then": […], "else": […]}` into a transaction. @throws DocumentError, or what the builder throws. */
export function addTransaction(txn: Txn, document: unknown): void {
  const fields = fieldsOf(document, "the transaction", ["compare", "then", "else"]);
  listOf(fields["compare"], "compare").forEach((each, index) =>
    addComparison(txn, each, `compare[${index}]`),
  );
  listOf(fields["then"], "then").forEach((each, index) => addOperation(txn, each, `then[${index}]`));
  const otherwise = listOf(fields["else"], "else");
  if (otherwise.length > 0) txn.otherwise();
  otherwise.forEach((each, index) => addOperation(txn, each, `else[${index}]`));
}
