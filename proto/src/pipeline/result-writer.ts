/** Writes `PipelineResponse` messages field by field. */
import { delimitedSize, varintSize, type WireWriter } from "./wire-writer.ts";

/** Where an answer comes from, as in `Origin`. */
export interface OriginFields {
  readonly shard: number;
  readonly epoch: number;
  readonly term: number;
  readonly revision: number;
  readonly node: number;
}

/** The answer to a put or delete, as in `WriteResult`. */
export interface WriteResultFields {
  readonly applied: boolean;
  readonly keyRevision: number;
  readonly existed: boolean;
  readonly previous?: Uint8Array | undefined;
}

/** The answer to a get, as in `GetResult`. */
export interface GetResultFields {
  readonly found: boolean;
  readonly value?: Uint8Array | undefined;
  readonly keyRevision: number;
  readonly expiresAtMs: number;
}

const resultsTag = 0x0a;

function fieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

function originSize(origin: OriginFields): number {
  return (
    fieldSize(origin.shard) +
    fieldSize(origin.epoch) +
    fieldSize(origin.term) +
    fieldSize(origin.revision) +
    fieldSize(origin.node)
  );
}

function writeOrigin(writer: WireWriter, origin: OriginFields, size: number): void {
  writer.byte(0x32);
  writer.varint(size);
  writer.varintField(0x08, origin.shard);
  writer.varintField(0x10, origin.epoch);
  writer.varintField(0x18, origin.term);
  writer.varintField(0x20, origin.revision);
  writer.varintField(0x28, origin.node);
}

/** Writes everything of a result up to its body, which has `bodySize` bytes; the origin must follow the body. */
function beginResult(
  writer: WireWriter,
  id: number,
  bodyTag: number,
  bodySize: number,
  originBytes: number,
): void {
  const size = fieldSize(id) + delimitedSize(bodySize) + (originBytes < 0 ? 0 : delimitedSize(originBytes));
  writer.reserve(delimitedSize(size));
  writer.byte(resultsTag);
  writer.varint(size);
  writer.varintField(0x08, id);
  writer.byte(bodyTag);
  writer.varint(bodySize);
}

/** Appends the answer to a put or delete. */
export function writeWriteResult(
  writer: WireWriter,
  id: number,
  result: WriteResultFields,
  origin: OriginFields,
): void {
  const previous = result.previous;
  const bodySize =
    (result.applied ? 2 : 0) +
    fieldSize(result.keyRevision) +
    (result.existed ? 2 : 0) +
    (previous === undefined ? 0 : delimitedSize(previous.length));
  const originBytes = originSize(origin);
  beginResult(writer, id, 0x12, bodySize, originBytes);
  if (result.applied) writer.varintField(0x08, 1);
  writer.varintField(0x10, result.keyRevision);
  if (result.existed) writer.varintField(0x18, 1);
  if (previous !== undefined) writer.bytesField(0x22, previous);
  writeOrigin(writer, origin, originBytes);
}

/** Appends the answer to a get. */
export function writeGetResult(
  writer: WireWriter,
  id: number,
  result: GetResultFields,
  origin: OriginFields,
): void {
  const value = result.value;
  const bodySize =
    (result.found ? 2 : 0) +
    (value === undefined ? 0 : delimitedSize(value.length)) +
    fieldSize(result.keyRevision) +
    fieldSize(result.expiresAtMs);
  const originBytes = originSize(origin);
  beginResult(writer, id, 0x1a, bodySize, originBytes);
  if (result.found) writer.varintField(0x08, 1);
  if (value !== undefined) writer.bytesField(0x12, value);
  writer.varintField(0x20, result.keyRevision);
  writer.varintField(0x28, result.expiresAtMs);
  writeOrigin(writer, origin, originBytes);
}

/** Appends the answer to a transaction, given as an encoded `TxnResult`. */
export function writeTxnResult(writer: WireWriter, id: number, txn: Uint8Array, origin: OriginFields): void {
  const originBytes = originSize(origin);
  beginResult(writer, id, 0x22, txn.length, originBytes);
  writer.bytes(txn);
  writeOrigin(writer, origin, originBytes);
}

/** Appends an error, given as an encoded `OperationError`. */
export function writeErrorResult(writer: WireWriter, id: number, error: Uint8Array): void {
  beginResult(writer, id, 0x2a, error.length, -1);
  writer.bytes(error);
}

/** Ends a response with the server's version of the slot table. */
export function writeResponseEpoch(writer: WireWriter, epoch: number): void {
  writer.reserve(16);
  writer.varintField(0x10, epoch);
}
