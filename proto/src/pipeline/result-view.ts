/** A `PipelineResponse` read without the generated stubs; the counterpart of `result-writer.ts`. */
import { WireError } from "./wire-error.ts";
import { WireReader } from "./wire-reader.ts";

/** Which answer it is: the field number of the `oneof`. */
export const ResultKind = { Write: 2, Get: 3, Txn: 4, Error: 5 } as const;
export type ResultKind = (typeof ResultKind)[keyof typeof ResultKind];

/** Values up to this length are copied byte by byte; for longer ones a view, to copy from, is worth its making. */
const shortBytesLength = 128;

/** One `PipelineResult`, filled again for each result of a response. */
export class ResultView {
  buffer: Uint8Array = new Uint8Array(0);
  id = 0;
  kind: ResultKind = ResultKind.Write;

  /** Of a write: whether it took place. Of a get: whether the key was found. */
  positive = false;
  keyRevision = 0;
  existed = false;
  expiresAtMs = 0;
  /** The previous value of a write, the value of a get, the encoded transaction result or error; -1 when absent. */
  bytesStart = -1;
  bytesEnd = -1;

  shard = 0;
  epoch = 0;
  term = 0;
  revision = 0;
  node = 0;

  /** The bytes, copied, so that they outlive the message; `undefined` when absent. */
  bytes(): Uint8Array | undefined {
    if (this.bytesStart < 0) return undefined;
    const { buffer, bytesStart, bytesEnd } = this;
    const copy = new Uint8Array(bytesEnd - bytesStart);
    if (copy.length > shortBytesLength) copy.set(buffer.subarray(bytesStart, bytesEnd));
    else for (let index = 0; index < copy.length; index += 1) copy[index] = buffer[bytesStart + index]!;
    return copy;
  }

  /** Reads the result that lies in `[start, end)`. @throws WireError when it is none. */
  read(reader: WireReader, buffer: Uint8Array, start: number, end: number): void {
    this.#clear(buffer);
    reader.reset(buffer, start, end);
    let kind = 0;
    while (reader.position < end) {
      const tag = reader.varint();
      if (tag === 0x08) this.id = reader.varint();
      else if (tag >= 0x12 && tag <= 0x2a && (tag & 7) === 2) {
        kind = tag >>> 3;
        const bodyStart = reader.lengthDelimited();
        const bodyEnd = reader.position;
        if (kind === ResultKind.Write) this.#write(reader, bodyStart, bodyEnd);
        else if (kind === ResultKind.Get) this.#get(reader, bodyStart, bodyEnd);
        else {
          this.bytesStart = bodyStart;
          this.bytesEnd = bodyEnd;
        }
        reader.position = bodyEnd;
        reader.end = end;
      } else if (tag === 0x32) {
        const originStart = reader.lengthDelimited();
        const originEnd = reader.position;
        this.#origin(reader, originStart, originEnd);
        reader.end = end;
      } else reader.skip(tag);
    }
    if (kind === 0) throw new WireError("a result has none of write, get, txn and error");
    this.kind = kind as ResultKind;
  }

  #clear(buffer: Uint8Array): void {
    this.buffer = buffer;
    this.id = 0;
    this.positive = false;
    this.keyRevision = 0;
    this.existed = false;
    this.expiresAtMs = 0;
    this.bytesStart = -1;
    this.bytesEnd = -1;
    this.shard = 0;
    this.epoch = 0;
    this.term = 0;
    this.revision = 0;
    this.node = 0;
  }

  #write(reader: WireReader, start: number, end: number): void {
    reader.position = start;
    reader.end = end;
    while (reader.position < end) {
      const tag = reader.varint();
      if (tag === 0x08) this.positive = reader.varint() !== 0;
      else if (tag === 0x10) this.keyRevision = reader.varint();
      else if (tag === 0x18) this.existed = reader.varint() !== 0;
      else if (tag === 0x22) {
        this.bytesStart = reader.lengthDelimited();
        this.bytesEnd = reader.position;
      } else reader.skip(tag);
    }
  }

  #get(reader: WireReader, start: number, end: number): void {
    reader.position = start;
    reader.end = end;
    while (reader.position < end) {
      const tag = reader.varint();
      if (tag === 0x08) this.positive = reader.varint() !== 0;
      else if (tag === 0x12 || tag === 0x1a) {
        this.bytesStart = reader.lengthDelimited();
        this.bytesEnd = reader.position;
      } else if (tag === 0x20) this.keyRevision = reader.varint();
      else if (tag === 0x28) this.expiresAtMs = reader.varint();
      else reader.skip(tag);
    }
  }

  #origin(reader: WireReader, start: number, end: number): void {
    reader.position = start;
    reader.end = end;
    while (reader.position < end) {
      const tag = reader.varint();
      if (tag === 0x08) this.shard = reader.varint();
      else if (tag === 0x10) this.epoch = reader.varint();
      else if (tag === 0x18) this.term = reader.varint();
      else if (tag === 0x20) this.revision = reader.varint();
      else if (tag === 0x28) this.node = reader.varint();
      else reader.skip(tag);
    }
  }
}

/**
 * Calls `visit` for each result of an encoded `PipelineResponse` with a view that is valid during the call, and returns
 * the server's version of the slot table, 0 when the message does not say.
 * @throws WireError when it is no `PipelineResponse`.
 */
export function visitResponse(
  buffer: Uint8Array,
  start: number,
  end: number,
  visit: (result: ResultView) => void,
): number {
  const outer = new WireReader(buffer);
  const inner = new WireReader(buffer);
  const view = new ResultView();
  outer.reset(buffer, start, end);
  let epoch = 0;
  while (outer.position < end) {
    const tag = outer.varint();
    if (tag === 0x0a) {
      const resultStart = outer.lengthDelimited();
      view.read(inner, buffer, resultStart, outer.position);
      visit(view);
    } else if (tag === 0x10) epoch = outer.varint();
    else outer.skip(tag);
  }
  return epoch;
}
