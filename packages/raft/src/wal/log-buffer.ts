const initialBytes = 4096;

/** A growing buffer that numbers are written into, little-endian. Reused from batch to batch. */
export class LogBuffer {
  #bytes: Uint8Array = new Uint8Array(initialBytes);
  #view: DataView = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Bytes allocated. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** What was written, valid until the next write. Not a copy. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A part of what was written, valid until the next write. Not a copy. */
  slice(start: number, end: number): Uint8Array {
    return this.#bytes.subarray(start, end);
  }

  /** Forgets everything after `length`. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** Appends `count` bytes of zero and returns where they begin. */
  zeros(count: number): number {
    const start = this.#reserve(count);
    this.#bytes.fill(0, start, start + count);
    return start;
  }

  /** Appends one number of four bytes. */
  u32(value: number): void {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, true);
  }

  /** Appends one number of eight bytes. */
  u64(value: number): void {
    const at = this.#reserve(8);
    this.setU64(at, value);
  }

  /** Appends bytes. */
  bytes(value: Uint8Array): void {
    const at = this.#reserve(value.length);
    this.#bytes.set(value, at);
  }

  /** Overwrites four bytes. */
  setU32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  /** Overwrites eight bytes with a safe integer. */
  setU64(at: number, value: number): void {
    this.#view.setUint32(at, value >>> 0, true);
    this.#view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  }

  /** Overwrites one byte. */
  setU8(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  #reserve(count: number): number {
    const start = this.#length;
    const end = start + count;
    if (end > this.#bytes.length) this.#grow(end);
    this.#length = end;
    return start;
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
