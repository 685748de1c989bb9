import { WireError } from "./wire-error.ts";

/** How a field's value is encoded: the low three bits of its tag. */
export const WireType = { Varint: 0, Fixed64: 1, LengthDelimited: 2, Fixed32: 5 } as const;

const twoTo28 = 2 ** 28;
const twoTo35 = 2 ** 35;
const twoTo42 = 2 ** 42;
const twoTo49 = 2 ** 49;

/**
 * Reads Protocol Buffers from a buffer without copying and without an object per message. Numbers above 2^53 - 1 are
 * refused: nothing on a pipeline is that large.
 *
 * Every read checks `end`, so that a message that lies about a length is an error, not a look into its neighbour.
 */
export class WireReader {
  buffer: Uint8Array;
  position = 0;
  end = 0;

  constructor(buffer: Uint8Array) {
    this.buffer = buffer;
    this.end = buffer.length;
  }

  /** Begins to read a part of a buffer. */
  reset(buffer: Uint8Array, start: number, end: number): void {
    this.buffer = buffer;
    this.position = start;
    this.end = end;
  }

  varint(): number {
    const { buffer } = this;
    let position = this.position;
    if (position >= this.end) throw new WireError("the message ends inside a number");
    let byte = buffer[position++]!;
    if (byte < 0x80) {
      this.position = position;
      return byte;
    }
    let value = byte & 0x7f;
    // The first 28 bits fit into integer arithmetic; above them only floating point keeps every bit.
    for (let shift = 7; shift < 28; shift += 7) {
      if (position >= this.end) throw new WireError("the message ends inside a number");
      byte = buffer[position++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.position = position;
        return value;
      }
    }
    this.position = position;
    return value + this.#highBits();
  }

  #highBits(): number {
    let value = 0;
    for (const scale of [twoTo28, twoTo35, twoTo42, twoTo49]) {
      if (this.position >= this.end) throw new WireError("the message ends inside a number");
      const byte = this.buffer[this.position++]!;
      if (scale === twoTo49 && byte > 0x0f) break;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new WireError("a number is larger than 2^53 - 1");
  }

  /** Reads a length and moves past the bytes it announces; they begin at the returned position, end at `position`. */
  lengthDelimited(): number {
    const length = this.varint();
    const start = this.position;
    if (length > this.end - start) throw new WireError("a length points past the end of the message");
    this.position = start + length;
    return start;
  }

  /** Moves past the value of a field that the reader does not know, as a newer peer may send one. */
  skip(tag: number): void {
    switch (tag & 7) {
      case WireType.Varint:
        // Not read as a number: an unknown field may use all 64 bits.
        this.#skipVarint();
        return;
      case WireType.Fixed64:
        this.position += 8;
        break;
      case WireType.LengthDelimited:
        this.lengthDelimited();
        return;
      case WireType.Fixed32:
        this.position += 4;
        break;
      default:
        throw new WireError(`a field has the wire type ${tag & 7}, which does not exist`);
    }
    if (this.position > this.end) throw new WireError("the message ends inside a field");
  }

  #skipVarint(): void {
    for (let length = 0; length < 10; length += 1) {
      if (this.position >= this.end) throw new WireError("the message ends inside a number");
      if (this.buffer[this.position++]! < 0x80) return;
    }
    throw new WireError("a number is longer than ten bytes");
  }
}
