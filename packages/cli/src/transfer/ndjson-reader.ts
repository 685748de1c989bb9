/**
 * Records in lines of JSON, as `titan export` and `titan scan -o ndjson` write them:
 *
 *     {"key":"user:1","value":"text"}
 *     {"key":"user:2","base64":"AAE=","expiresAtMs":1790000000000}
 *
 * Other fields are left alone. With a key field, the key is that field's text and the value is the whole line.
 */
import { isUtf8 } from "node:buffer";
import { bytesOfBase64 } from "../data/operation-document.ts";
import { type Line, linesOf } from "./lines.ts";
import { judge, type Reject, shownText, type SourceItem, type SourceReader } from "./record.ts";

/** Longest line that is read, in bytes: room for the largest value with every byte escaped. */
export const maxLineBytes: number = 8 * 1024 * 1024;

/** How lines become records. */
export interface NdjsonOptions {
  /** Take the key from this field, and the whole line as the value. */
  readonly keyField?: string | undefined;
}

type Found = SourceItem["found"];

function rejected(place: string, reason: string, bytes: Uint8Array): Found {
  const reject: Reject = { place, reason, text: shownText(bytes) };
  return { type: "reject", reject };
}

/** Reads one line. Never throws. */
export function parseLine({ number, bytes }: Pick<Line, "number" | "bytes">, options: NdjsonOptions): Found {
  const place = `line ${number}`;
  if (bytes === undefined) {
    return { type: "reject", reject: { place, reason: `the line is longer than ${maxLineBytes} bytes` } };
  }
  if (bytes.length === 0) return { type: "nothing" };
  if (!isUtf8(bytes)) return rejected(place, "the line is not UTF-8", bytes);
  const text = bytes.toString("utf8");
  if (text.trim() === "") return { type: "nothing" };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return rejected(place, `not JSON: ${(error as Error).message}`, bytes);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return rejected(place, "not a JSON object", bytes);
  }
  return recordOf(place, bytes, parsed as Readonly<Record<string, unknown>>, options);
}

function recordOf(
  place: string,
  bytes: Buffer,
  fields: Readonly<Record<string, unknown>>,
  { keyField }: NdjsonOptions,
): Found {
  const keyName = keyField ?? "key";
  const key = Object.hasOwn(fields, keyName) ? fields[keyName] : undefined;
  if (typeof key !== "string") {
    return rejected(place, `the field ${JSON.stringify(keyName)} is missing or not text`, bytes);
  }
  // The line's bytes belong to the chunk that they came in, which would be kept as long as the value.
  if (keyField !== undefined) return judge(place, { key, value: Buffer.from(bytes) });
  const { value, base64, expiresAtMs } = fields;
  if (expiresAtMs !== undefined && !(Number.isSafeInteger(expiresAtMs) && (expiresAtMs as number) > 0)) {
    return rejected(place, 'the field "expiresAtMs" is not a time in milliseconds', bytes);
  }
  const expiry = expiresAtMs === undefined ? {} : { expiresAtMs: expiresAtMs as number };
  if ((value === undefined) === (base64 === undefined)) {
    return rejected(place, 'one of the fields "value" and "base64" is needed', bytes);
  }
  if (typeof (value ?? base64) !== "string") return rejected(place, "the value is not text", bytes);
  if (value !== undefined) {
    const text = value as string;
    if (!text.isWellFormed())
      return rejected(place, "the value has half a surrogate pair; use base64", bytes);
    return judge(place, { key, value: Buffer.from(text), ...expiry });
  }
  const decoded = bytesOfBase64(base64 as string);
  if (decoded === undefined) return rejected(place, 'the field "base64" is not base64', bytes);
  return judge(place, { key, value: decoded, ...expiry });
}

/** Reads a stream that is opened anew for each reading. */
export function ndjsonReader(
  open: () => AsyncIterable<Uint8Array>,
  options: NdjsonOptions = {},
): SourceReader {
  return async function* read(after): AsyncGenerator<SourceItem, void, undefined> {
    const skipped = after === undefined ? 0 : Number(after);
    for await (const line of linesOf(open(), maxLineBytes)) {
      if (line.number <= skipped) continue;
      yield {
        position: String(line.number),
        bytesRead: line.bytesRead,
        found: parseLine(line, options),
      };
    }
  };
}
