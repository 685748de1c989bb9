/**
 * A `PipelineOperation` read in place.
 *
 * The generated stubs make about ten objects for each operation, which at a hundred thousand operations a second is
 * most of a core. The view is one object that is filled again and again; keys and values stay where they are, as
 * positions in the buffer. The format is exactly that of the `.proto` file: a test compares the two on random messages.
 */
import { WireError } from "./wire-error.ts";
import { WireReader } from "./wire-reader.ts";

/** Which operation it is: the field number of the `oneof`. */
export const OperationKind = { Put: 2, Delete: 3, Get: 4, Txn: 5 } as const;
export type OperationKind = (typeof OperationKind)[keyof typeof OperationKind];

/** What must hold for a write. */
export const ConditionKind = { None: 0, IfRevision: 1, IfAbsent: 2, IfPresent: 3 } as const;
export type ConditionKind = (typeof ConditionKind)[keyof typeof ConditionKind];

export class OperationView {
  /** Where the operation lies. Valid as long as the buffer is. */
  buffer: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;

  id = 0;
  kind: OperationKind = OperationKind.Get;
  seq = 0;
  timeoutMs = 0;

  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  ttlMs = 0;
  conditionKind: ConditionKind = ConditionKind.None;
  conditionRevision = 0;
  returnPrevious = false;

  /** Of a get: `ReadLevel`, 0 for the default. */
  readLevel = 0;
  minRevision = 0;
  maxStalenessMs = 0;

  /** Of a transaction: the encoded `TxnOperation`. */
  txnStart = 0;
  txnEnd = 0;

  readonly #reader = new WireReader(new Uint8Array(0));

  /**
   * Reads the operation that lies in `[start, end)` of the buffer.
   * @throws WireError when it is not a `PipelineOperation` with exactly one kind.
   */
  read(buffer: Uint8Array, start: number, end: number): void {
    this.#clear(buffer, start, end);
    const reader = this.#reader;
    reader.reset(buffer, start, end);
    let kind = 0;
    while (reader.position < end) {
      const tag = reader.varint();
      switch (tag) {
        case 0x08:
          this.id = reader.varint();
          break;
        case 0x12:
        case 0x1a:
        case 0x22:
        case 0x2a: {
          if (kind !== 0) throw new WireError("an operation has more than one kind");
          kind = tag >>> 3;
          const bodyStart = reader.lengthDelimited();
          const bodyEnd = reader.position;
          this.#body(kind, bodyStart, bodyEnd);
          reader.position = bodyEnd;
          reader.end = end;
          break;
        }
        case 0x30:
          this.seq = reader.varint();
          break;
        case 0x38:
          this.timeoutMs = reader.varint();
          break;
        default:
          reader.skip(tag);
      }
    }
    if (kind === 0) throw new WireError("an operation has none of put, delete, get and txn");
    this.kind = kind as OperationKind;
  }

  /** The key's bytes, not copied. */
  key(): Uint8Array {
    return this.buffer.subarray(this.keyStart, this.keyEnd);
  }

  /** The value's bytes, not copied. */
  value(): Uint8Array {
    return this.buffer.subarray(this.valueStart, this.valueEnd);
  }

  #clear(buffer: Uint8Array, start: number, end: number): void {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    this.id = 0;
    this.seq = 0;
    this.timeoutMs = 0;
    this.keyStart = 0;
    this.keyEnd = 0;
    this.valueStart = 0;
    this.valueEnd = 0;
    this.ttlMs = 0;
    this.conditionKind = ConditionKind.None;
    this.conditionRevision = 0;
    this.returnPrevious = false;
    this.readLevel = 0;
    this.minRevision = 0;
    this.maxStalenessMs = 0;
    this.txnStart = 0;
    this.txnEnd = 0;
  }

  #body(kind: number, start: number, end: number): void {
    this.#reader.position = start;
    this.#reader.end = end;
    if (kind === OperationKind.Put) this.#put(end);
    else if (kind === OperationKind.Delete) this.#delete(end);
    else if (kind === OperationKind.Get) this.#get(end);
    else {
      this.txnStart = start;
      this.txnEnd = end;
    }
  }

  #put(end: number): void {
    const reader = this.#reader;
    while (reader.position < end) {
      const tag = reader.varint();
      switch (tag) {
        case 0x0a:
          this.keyStart = reader.lengthDelimited();
          this.keyEnd = reader.position;
          break;
        case 0x12:
        case 0x1a:
          // `value` and `text` are the same bytes.
          this.valueStart = reader.lengthDelimited();
          this.valueEnd = reader.position;
          break;
        case 0x20:
          this.ttlMs = reader.varint();
          break;
        case 0x2a:
          this.#condition(end);
          break;
        case 0x30:
          this.returnPrevious = reader.varint() !== 0;
          break;
        default:
          reader.skip(tag);
      }
    }
  }

  #delete(end: number): void {
    const reader = this.#reader;
    while (reader.position < end) {
      const tag = reader.varint();
      switch (tag) {
        case 0x0a:
          this.keyStart = reader.lengthDelimited();
          this.keyEnd = reader.position;
          break;
        case 0x12:
          this.#condition(end);
          break;
        case 0x18:
          this.returnPrevious = reader.varint() !== 0;
          break;
        default:
          reader.skip(tag);
      }
    }
  }

  #condition(outerEnd: number): void {
    const reader = this.#reader;
    const start = reader.lengthDelimited();
    const end = reader.position;
    reader.position = start;
    reader.end = end;
    while (reader.position < end) {
      const tag = reader.varint();
      if (tag === 0x08) {
        this.conditionKind = ConditionKind.IfRevision;
        this.conditionRevision = reader.varint();
      } else if (tag === 0x10) {
        this.conditionKind = reader.varint() === 0 ? ConditionKind.IfPresent : ConditionKind.IfAbsent;
      } else {
        reader.skip(tag);
      }
    }
    reader.end = outerEnd;
  }

  #get(outerEnd: number): void {
    const reader = this.#reader;
    while (reader.position < outerEnd) {
      const tag = reader.varint();
      if (tag === 0x0a) {
        this.keyStart = reader.lengthDelimited();
        this.keyEnd = reader.position;
      } else if (tag === 0x12) {
        this.#readOptions(outerEnd);
      } else {
        reader.skip(tag);
      }
    }
  }

  #readOptions(outerEnd: number): void {
    const reader = this.#reader;
    const start = reader.lengthDelimited();
    const end = reader.position;
    reader.position = start;
    reader.end = end;
    while (reader.position < end) {
      const tag = reader.varint();
      if (tag === 0x08) this.readLevel = reader.varint();
      else if (tag === 0x10) this.minRevision = reader.varint();
      else if (tag === 0x18) this.maxStalenessMs = reader.varint();
      else reader.skip(tag);
    }
    reader.end = outerEnd;
  }
}
