import { RaftError } from "./raft-error.ts";

/**
 * Reads what a `ByteWriter` wrote. The bytes come from the network or a disk and may be anything: every read checks that
 * it stays inside, and every value has exactly one accepted encoding.
 *
 * @throws RaftError `MALFORMED` from every method, when the bytes are not what is asked for.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  readByte(): number {
    if (this.#at >= this.#bytes.length) throw malformed("it ends too early");
    return this.#bytes[this.#at++]!;
  }

  readVarint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 1; ; count += 1) {
      const byte = this.readByte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && count > 1) throw malformed("a number has a superfluous byte");
        if (value > Number.MAX_SAFE_INTEGER) throw malformed("a number is too large");
        return value;
      }
      if (count === 8) throw malformed("a number is too long");
      scale *= 128;
    }
  }

  /** A number that is at least 1: an id. */
  readId(): number {
    const value = this.readVarint();
    if (value === 0) throw malformed("an id is zero");
    return value;
  }

  /** A number of things that take at least one byte each, so that a lie cannot make the reader allocate much. */
  readCount(): number {
    const count = this.readVarint();
    if (count > this.remaining) throw malformed("a count is larger than what follows");
    return count;
  }

  readBoolean(): boolean {
    const byte = this.readByte();
    if (byte > 1) throw malformed("a truth value is neither 0 nor 1");
    return byte === 1;
  }

  /** The length, then the bytes: a view into what is being read, not a copy. */
  readBytes(): Uint8Array {
    const length = this.readVarint();
    if (length > this.remaining) throw malformed("a field is longer than what follows");
    const value = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  /** Nothing may follow. */
  expectEnd(): void {
    if (this.remaining > 0) throw malformed(`${this.remaining} bytes are left over`);
  }
}

/** The error for bytes that are not an encoding. */
export function malformed(what: string): RaftError {
  return new RaftError("MALFORMED", `Cannot decode: ${what}. The bytes are damaged or not of this version.`);
}
