/** First size of a writer's buffer, in bytes. It doubles when it is full. */
const initialCapacityBytes = 16 * 1024;
/** A buffer that grew beyond this is not kept for the next message. */
const keptCapacityBytes = 1024 * 1024;

/** Bytes that `writeVarint` takes for a safe integer. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  if (value < 0x8_0000_0000) return 5;
  if (value < 0x400_0000_0000) return 6;
  if (value < 0x2_0000_0000_0000) return 7;
  return 8;
}

/** Bytes of a length-delimited field with a one-byte tag. */
export function delimitedSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** Texts up to this length are measured and written here; for longer ones the way into native code pays off. */
const shortTextLength = 48;

/** Bytes of a text in UTF-8. A lone surrogate counts as the replacement character that `text` writes for it. */
export function textSize(text: string): number {
  const { length } = text;
  if (length > shortTextLength) return Buffer.byteLength(text);
  for (let index = 0; index < length; index += 1) {
    if (text.charCodeAt(index) >= 0x80) return Buffer.byteLength(text);
  }
  return length;
}

/** Bytes that a field's content takes: a text is written as its UTF-8 form. */
export function contentSize(content: Uint8Array | string): number {
  return typeof content === "string" ? textSize(content) : content.length;
}

/** Writes Protocol Buffers into one growing buffer. The fields' tags are single bytes: no field here is above 15. */
export class WireWriter {
  buffer: Buffer = Buffer.allocUnsafeSlow(initialCapacityBytes);
  position = 0;

  /** Makes room for `bytes` more; call it once before a run of writes. */
  reserve(bytes: number): void {
    const needed = this.position + bytes;
    if (needed <= this.buffer.length) return;
    let capacity = this.buffer.length * 2;
    while (capacity < needed) capacity *= 2;
    const larger = Buffer.allocUnsafeSlow(capacity);
    this.buffer.copy(larger, 0, 0, this.position);
    this.buffer = larger;
  }

  byte(value: number): void {
    this.buffer[this.position++] = value;
  }

  varint(value: number): void {
    const { buffer } = this;
    let position = this.position;
    let rest = value;
    while (rest >= 0x1000_0000) {
      buffer[position++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest >= 0x80) {
      buffer[position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[position++] = rest;
    this.position = position;
  }

  /** A field of which zero is the default and is left out. */
  varintField(tag: number, value: number): void {
    if (value === 0) return;
    this.byte(tag);
    this.varint(value);
  }

  bytes(source: Uint8Array): void {
    this.buffer.set(source, this.position);
    this.position += source.length;
  }

  bytesField(tag: number, source: Uint8Array): void {
    this.byte(tag);
    this.varint(source.length);
    this.bytes(source);
  }

  /** A text of which `textSize` is `size`. */
  text(source: string, size: number): void {
    if (size !== source.length) this.buffer.write(source, this.position, size, "utf8");
    else if (size > shortTextLength) this.buffer.write(source, this.position, size, "latin1");
    else {
      const { buffer, position } = this;
      for (let index = 0; index < size; index += 1) buffer[position + index] = source.charCodeAt(index);
    }
    this.position += size;
  }

  /** A field of bytes or text of which `contentSize` is `size`. */
  contentField(tag: number, content: Uint8Array | string, size: number): void {
    this.byte(tag);
    this.varint(size);
    if (typeof content === "string") this.text(content, size);
    else this.bytes(content);
  }

  /** What was written, copied, and the writer empty again. */
  take(): Buffer {
    const written = Buffer.allocUnsafe(this.position);
    this.buffer.copy(written, 0, 0, this.position);
    this.position = 0;
    if (this.buffer.length > keptCapacityBytes) this.buffer = Buffer.allocUnsafeSlow(initialCapacityBytes);
    return written;
  }
}
