/** Records in the rows of a table of comma-separated values, whose first row names the columns. */
import { isUtf8 } from "node:buffer";
import { usageError } from "../program/cli-error.ts";
import { type CsvRow, CsvRows } from "./csv-rows.ts";
import { judge, maxValueBytes, shownText, type SourceItem, type SourceReader } from "./record.ts";

/** How rows become records. */
export interface CsvOptions {
  /** Column of the key. Default `key`. */
  readonly keyColumn?: string | undefined;
  /** Column of the value. Default `value` where there is such a column; else the value is the row as a JSON object. */
  readonly valueColumn?: string | undefined;
  /** One character; default a comma. */
  readonly delimiter?: string | undefined;
}

/** Longest row, in bytes; a longer one is rejected and never held in memory. */
const maxRowBytes = 4 * maxValueBytes;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

interface Columns {
  readonly names: readonly string[];
  readonly key: number;
  /** `undefined` when the value is the whole row. */
  readonly value: number | undefined;
}

function delimiterByte(delimiter: string): number {
  const byte = delimiter.codePointAt(0) ?? 0;
  if (delimiter.length === 1 && byte < 0x80 && !'"\r\n'.includes(delimiter)) return byte;
  throw usageError(
    `${JSON.stringify(delimiter)} cannot separate cells`,
    "give one ASCII character, such as ;",
  );
}

function columnsOf({ cells, problem }: CsvRow, { keyColumn, valueColumn }: CsvOptions): Columns {
  if (problem !== undefined)
    throw usageError(`the first row, which names the columns, cannot be read: ${problem}`);
  const names = cells.map((name) => name.toString("utf8"));
  const indexOf = (name: string): number => {
    const index = names.indexOf(name);
    if (index >= 0) return index;
    throw usageError(
      `the table has no column ${JSON.stringify(name)}`,
      `it has ${names.join(", ")}; choose with --key-column and --value-column`,
    );
  };
  const hasValue = valueColumn !== undefined || names.includes("value");
  return {
    names,
    key: indexOf(keyColumn ?? "key"),
    value: hasValue ? indexOf(valueColumn ?? "value") : undefined,
  };
}

function placeOf({ firstLine, lastLine }: CsvRow): string {
  return firstLine === lastLine ? `line ${firstLine}` : `lines ${firstLine} to ${lastLine}`;
}

function foundIn(row: CsvRow, columns: Columns): SourceItem["found"] {
  const { cells, problem } = row;
  const { names } = columns;
  const place = placeOf(row);
  const reject = (reason: string): SourceItem["found"] => {
    const text = cells.length === 0 ? {} : { text: cells.map((cell) => shownText(cell)).join(",") };
    return { type: "reject", reject: { place, reason, ...text } };
  };
  if (problem !== undefined) return reject(problem);
  if (cells.length !== names.length) {
    return reject(`the row has ${cells.length} cells, the table has ${names.length} columns`);
  }
  const key = cells[columns.key]!;
  if (!isUtf8(key)) return reject("the key is not UTF-8");
  if (columns.value !== undefined)
    return judge(place, { key: key.toString("utf8"), value: cells[columns.value]! });
  if (!cells.every((cell) => isUtf8(cell))) return reject("a cell is not UTF-8");
  const fields = Object.fromEntries(names.map((name, index) => [name, cells[index]!.toString("utf8")]));
  return judge(place, { key: key.toString("utf8"), value: Buffer.from(JSON.stringify(fields)) });
}

/** The rows of a stream; a byte order mark before them is no part of the first column's name. */
async function* rowsOf(
  stream: AsyncIterable<Uint8Array>,
  delimiter: number,
): AsyncGenerator<CsvRow, void, undefined> {
  const rows = new CsvRows({ delimiter, maxRowBytes });
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of stream) {
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    if (head !== undefined) {
      head = Buffer.concat([head, bytes]);
      if (head.length < byteOrderMark.length) continue;
      const hasMark = head.subarray(0, byteOrderMark.length).equals(byteOrderMark);
      bytes = hasMark ? head.subarray(byteOrderMark.length) : head;
      head = undefined;
    }
    yield* rows.push(bytes);
  }
  if (head !== undefined) yield* rows.push(head);
  yield* rows.end();
}

/** Reads a stream that is opened anew for each reading. @throws CliError USAGE when the columns are not there. */
export function csvReader(open: () => AsyncIterable<Uint8Array>, options: CsvOptions = {}): SourceReader {
  const delimiter = delimiterByte(options.delimiter ?? ",");
  return async function* read(after): AsyncGenerator<SourceItem, void, undefined> {
    const skipped = after === undefined ? 0 : Number(after);
    let columns: Columns | undefined;
    let count = 0;
    for await (const row of rowsOf(open(), delimiter)) {
      if (columns === undefined) {
        columns = columnsOf(row, options);
        continue;
      }
      count += 1;
      if (count <= skipped) continue;
      yield { position: String(count), bytesRead: row.bytesRead, found: foundIn(row, columns) };
    }
  };
}
