/** Writes `PipelineRequest` messages field by field; the counterpart of `OperationView`. */
import { ConditionKind, OperationKind } from "./operation-view.ts";
import { contentSize, delimitedSize, varintSize, type WireWriter } from "./wire-writer.ts";

/** A put or delete as the writer takes it. */
export interface WriteFields {
  /** Text, or its UTF-8 bytes. */
  readonly key: Uint8Array | string;
  /** Of a put; a delete has none. Text is written as its UTF-8 bytes. */
  readonly value?: Uint8Array | string | undefined;
  /** Milliseconds; 0 means the key stays. */
  readonly ttlMs: number;
  readonly conditionKind: ConditionKind;
  readonly conditionRevision: number;
  readonly returnPrevious: boolean;
}

/** A get as the writer takes it. */
export interface ReadFields {
  /** Text, or its UTF-8 bytes. */
  readonly key: Uint8Array | string;
  /** `ReadLevel`, 0 for the default. */
  readonly level: number;
  readonly minRevision: number;
  readonly maxStalenessMs: number;
}

/** What every operation carries. */
export interface OperationEnvelope {
  readonly id: number;
  /** 0 means without identity. */
  readonly seq: number;
  /** 0 means the server's default. */
  readonly timeoutMs: number;
}

const operationsTag = 0x0a;

function fieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

function envelopeSize(envelope: OperationEnvelope): number {
  return fieldSize(envelope.id) + fieldSize(envelope.seq) + fieldSize(envelope.timeoutMs);
}

/** Writes the tag and length of an operation, its id, and the tag and length of its body. */
function beginOperation(
  writer: WireWriter,
  envelope: OperationEnvelope,
  kind: OperationKind,
  bodySize: number,
): void {
  const size = envelopeSize(envelope) + delimitedSize(bodySize);
  writer.reserve(delimitedSize(size));
  writer.byte(operationsTag);
  writer.varint(size);
  writer.varintField(0x08, envelope.id);
  writer.byte((kind << 3) | 2);
  writer.varint(bodySize);
}

function endOperation(writer: WireWriter, envelope: OperationEnvelope): void {
  writer.varintField(0x30, envelope.seq);
  writer.varintField(0x38, envelope.timeoutMs);
}

function conditionSize(fields: WriteFields): number {
  switch (fields.conditionKind) {
    case ConditionKind.None:
      return 0;
    case ConditionKind.IfRevision:
      return 1 + varintSize(fields.conditionRevision);
    case ConditionKind.IfAbsent:
    case ConditionKind.IfPresent:
      return 2;
  }
}

function writeCondition(writer: WireWriter, tag: number, fields: WriteFields): void {
  if (fields.conditionKind === ConditionKind.None) return;
  writer.byte(tag);
  writer.varint(conditionSize(fields));
  if (fields.conditionKind === ConditionKind.IfRevision) {
    // Written even when it is 0: inside a `oneof` presence is what counts.
    writer.byte(0x08);
    writer.varint(fields.conditionRevision);
  } else {
    writer.byte(0x10);
    writer.byte(fields.conditionKind === ConditionKind.IfAbsent ? 1 : 0);
  }
}

/** Appends a put to the `operations` of a request. */
export function writePut(writer: WireWriter, envelope: OperationEnvelope, fields: WriteFields): void {
  const { key, value } = fields;
  const keySize = contentSize(key);
  const valueSize = value === undefined ? 0 : contentSize(value);
  const condition = conditionSize(fields);
  const bodySize =
    delimitedSize(keySize) +
    (value === undefined ? 0 : delimitedSize(valueSize)) +
    fieldSize(fields.ttlMs) +
    (condition === 0 ? 0 : delimitedSize(condition)) +
    (fields.returnPrevious ? 2 : 0);
  beginOperation(writer, envelope, OperationKind.Put, bodySize);
  writer.contentField(0x0a, key, keySize);
  if (value !== undefined) writer.contentField(0x12, value, valueSize);
  writer.varintField(0x20, fields.ttlMs);
  writeCondition(writer, 0x2a, fields);
  if (fields.returnPrevious) writer.varintField(0x30, 1);
  endOperation(writer, envelope);
}

/** Appends a delete to the `operations` of a request. */
export function writeDelete(writer: WireWriter, envelope: OperationEnvelope, fields: WriteFields): void {
  const keySize = contentSize(fields.key);
  const condition = conditionSize(fields);
  const bodySize =
    delimitedSize(keySize) +
    (condition === 0 ? 0 : delimitedSize(condition)) +
    (fields.returnPrevious ? 2 : 0);
  beginOperation(writer, envelope, OperationKind.Delete, bodySize);
  writer.contentField(0x0a, fields.key, keySize);
  writeCondition(writer, 0x12, fields);
  if (fields.returnPrevious) writer.varintField(0x18, 1);
  endOperation(writer, envelope);
}

/** Appends a get to the `operations` of a request. */
export function writeGet(writer: WireWriter, envelope: OperationEnvelope, fields: ReadFields): void {
  const options = fieldSize(fields.level) + fieldSize(fields.minRevision) + fieldSize(fields.maxStalenessMs);
  const keySize = contentSize(fields.key);
  const bodySize = delimitedSize(keySize) + (options === 0 ? 0 : delimitedSize(options));
  beginOperation(writer, envelope, OperationKind.Get, bodySize);
  writer.contentField(0x0a, fields.key, keySize);
  if (options > 0) {
    writer.byte(0x12);
    writer.varint(options);
    writer.varintField(0x08, fields.level);
    writer.varintField(0x10, fields.minRevision);
    writer.varintField(0x18, fields.maxStalenessMs);
  }
  endOperation(writer, envelope);
}

/** Appends a transaction, given as an encoded `TxnOperation`, to the `operations` of a request. */
export function writeTxn(writer: WireWriter, envelope: OperationEnvelope, txn: Uint8Array): void {
  beginOperation(writer, envelope, OperationKind.Txn, txn.length);
  writer.bytes(txn);
  endOperation(writer, envelope);
}
