/** What an import reads, whatever it reads it from. */
import { isUtf8 } from "node:buffer";

/** A key and its value. */
export interface ImportRecord {
  readonly key: string;
  readonly value: Uint8Array;
  /** When the key expires, in milliseconds since 1970; `undefined` means never. */
  readonly expiresAtMs?: number | undefined;
}

/** Something in the source that is no record. */
export interface Reject {
  /** The line, or for a directory the file. */
  readonly place: string;
  readonly reason: string;
  /** The beginning of what is there. */
  readonly text?: string | undefined;
}

/** One thing that a reader found: a line, a row or a file. */
export interface SourceItem {
  /** A mark from which a reader can go on after this item. */
  readonly position: string;
  /** Bytes of the source that are read with this item, and those before it. */
  readonly bytesRead: number;
  readonly found:
    | { readonly type: "record"; readonly place: string; readonly record: ImportRecord }
    | { readonly type: "reject"; readonly reject: Reject }
    /** Nothing to import, such as an empty line. */
    | { readonly type: "nothing" };
}

/** Reads a source from the beginning, or after the item with this position. */
export type SourceReader = (after: string | undefined) => AsyncIterable<SourceItem>;

/** Largest key and value that a cluster takes with its default limits, in bytes. */
export const maxKeyBytes = 4096;
export const maxValueBytes: number = 1024 * 1024;

const shownLength = 200;

/** The beginning of a line for a report, on one line and well-formed. */
export function shownText(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, shownLength * 4));
  const text = isUtf8(start) ? start.toString("utf8") : start.toString("latin1");
  return Array.from(text).slice(0, shownLength).join("").toWellFormed();
}

/** Why a record would be refused; `undefined` when it is acceptable. */
export function problemWith({ key, value }: ImportRecord): string | undefined {
  if (key.length === 0) return "the key is empty";
  if (!key.isWellFormed()) return "the key has half a surrogate pair, which has no UTF-8 form";
  const keyBytes = Buffer.byteLength(key);
  if (keyBytes > maxKeyBytes) return `the key has ${keyBytes} bytes, the limit is ${maxKeyBytes}`;
  if (value.length > maxValueBytes)
    return `the value has ${value.length} bytes, the limit is ${maxValueBytes}`;
  return undefined;
}

/** The item for something that may be a record. */
export function judge(
  place: string,
  record: ImportRecord,
): Extract<SourceItem["found"], { type: "record" | "reject" }> {
  const reason = problemWith(record);
  if (reason === undefined) return { type: "record", place, record };
  return { type: "reject", reject: { place, reason, text: shownText(Buffer.from(record.key)) } };
}

/** The same source with something before every key. */
export function withKeyPrefix(read: SourceReader, prefix: string): SourceReader {
  if (prefix === "") return read;
  return async function* readPrefixed(after): AsyncGenerator<SourceItem, void, undefined> {
    for await (const item of read(after)) {
      if (item.found.type !== "record") yield item;
      else {
        const { place, record } = item.found;
        yield { ...item, found: judge(place, { ...record, key: prefix + record.key }) };
      }
    }
  };
}
