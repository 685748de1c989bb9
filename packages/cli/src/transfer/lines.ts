/** Lines of a stream of bytes, without ever holding more than one of them. */

/** A line without its end. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** `undefined` for a line that is longer than the limit; it is passed over. */
  readonly bytes: Buffer | undefined;
  /** Bytes of the stream up to and with the line's end. */
  readonly bytesRead: number;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
}

/** Splits at line feeds; a carriage return before one belongs to it. A last line without an end counts. */
export async function* linesOf(
  stream: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
): AsyncGenerator<Line, void, undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  let number = 0;
  let bytesRead = 0;
  const take = (last: Buffer, consumed: number): Line => {
    number += 1;
    bytesRead += consumed;
    const isTooLong = length + last.length > maxLineBytes;
    const bytes = isTooLong
      ? undefined
      : withoutReturn(parts.length === 0 ? last : Buffer.concat([...parts, last]));
    parts = [];
    length = 0;
    return { number, bytes, bytesRead };
  };
  for await (const chunk of stream) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let start = 0;
    for (let end = buffer.indexOf(lineFeed); end >= 0; end = buffer.indexOf(lineFeed, start)) {
      const line = buffer.subarray(start, end);
      yield take(line, length + line.length + 1);
      start = end + 1;
    }
    const rest = buffer.subarray(start);
    length += rest.length;
    // More of what is too long need not be held; the line that comes out of it is one that is too long.
    if (length <= maxLineBytes) parts.push(rest);
  }
  if (length > 0) yield take(Buffer.alloc(0), length);
}
