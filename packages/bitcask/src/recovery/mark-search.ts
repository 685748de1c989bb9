import { decodeMark, isBefore, markBytes, type LogPosition } from "../format/mark.ts";
import { RecordCursor, recordSeed, recordTypes } from "../format/record.ts";
import { readFullyAsync, type FileHandle } from "../fs/file-system.ts";
import { scanChunkBytes } from "../limits.ts";

/**
 * Looks behind a bad record for marks, at every byte, because behind damage nobody knows where records start. Returns
 * the furthest durable position that any of them vouches for.
 */
export async function furthestMark(
  handle: FileHandle,
  range: { seed: number; from: number; to: number },
): Promise<LogPosition | undefined> {
  const bytes = Buffer.allocUnsafe(scanChunkBytes);
  const cursor = new RecordCursor().attach(bytes);
  let furthest: LogPosition | undefined;
  for (let base = range.from; base + markBytes <= range.to; base += scanChunkBytes - markBytes + 1) {
    const length = Math.min(scanChunkBytes, range.to - base);
    // oxlint-disable-next-line eslint/no-await-in-loop -- reading a file from front to back
    const filled = await readFullyAsync(handle, bytes, { start: 0, length, position: base });
    for (let at = 0; at + markBytes <= filled; at++) {
      // Two bytes that every mark has: cheap to look at, rare elsewhere.
      if (bytes[at + 20] !== recordTypes.mark || bytes[at + 16] !== 10) continue;
      const mark = markAt(cursor, at, recordSeed(range.seed, base + at));
      if (mark && (!furthest || isBefore(furthest, mark))) furthest = mark;
    }
  }
  return furthest;
}

function markAt(cursor: RecordCursor, at: number, seed: number): LogPosition | undefined {
  cursor.moveTo(at);
  if (cursor.size !== markBytes || !cursor.headIsValid(seed) || !cursor.bodyIsValid(seed)) return undefined;
  return decodeMark(cursor.value);
}
