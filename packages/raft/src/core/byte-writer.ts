/** The buffer a writer begins with. */
const initialBytes = 1024;

/**
 * A buffer that grows, for encodings. Made once and reset for every frame, so that encoding allocates nothing but the
 * growth.
 */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity: number = initialBytes) {
    this.#bytes = new Uint8Array(Math.max(capacity, 16));
  }

  /** How many bytes have been written since the last reset. */
  get length(): number {
    return this.#length;
  }

  /** What was written. A view: it is valid until the next write or reset. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** What was written, as a copy that belongs to the caller. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  reset(): void {
    this.#length = 0;
  }

  writeByte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** A safe integer that is not negative, seven bits to a byte, lowest first. */
  writeVarint(value: number): void {
    this.#reserve(8);
    const bytes = this.#bytes;
    let at = this.#length;
    let rest = value;
    // Bit operations only see 32 bits, so the part above is peeled off by division.
    while (rest >= 0x8000_0000) {
      bytes[at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#length = at;
  }

  writeBoolean(value: boolean): void {
    this.writeByte(value ? 1 : 0);
  }

  /** The bytes alone, without their length. */
  writeRaw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** The length, then the bytes. */
  writeBytes(value: Uint8Array): void {
    this.writeVarint(value.length);
    this.writeRaw(value);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
