/** Records in the rows of a table of comma-separated values, whose first row names the columns. */
import { type CsvError, type Info, parse, type Parser } from "csv-parse";
import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import { usageError } from "../program/cli-error.ts";
import { judge, maxValueBytes, shownText, type SourceItem, type SourceReader } from "./record.ts";

/** How rows become records. */
export interface CsvOptions {
  /** Column of the key. Default `key`. */
  readonly keyColumn?: string | undefined;
  /** Column of the value. Default `value` where there is such a column; else the value is the row as a JSON object. */
  readonly valueColumn?: string | undefined;
  /** Default a comma. */
  readonly delimiter?: string | undefined;
}

/** Longest row, in bytes. What is longer, such as everything after a quote that is never closed, is rejected. */
const maxRowBytes = 4 * maxValueBytes;

interface Row {
  readonly info: Info;
  readonly record: readonly Buffer[];
}

interface Columns {
  readonly names: readonly string[];
  readonly key: number;
  /** `undefined` when the value is the whole row. */
  readonly value: number | undefined;
}

function columnsOf(header: readonly Buffer[], { keyColumn, valueColumn }: CsvOptions): Columns {
  const names = header.map((name) => name.toString("utf8"));
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

function foundIn(place: string, row: readonly Buffer[], columns: Columns): SourceItem["found"] {
  const { names } = columns;
  const text = (): string =>
    shownText(Buffer.concat(row.map((cell) => Buffer.concat([cell, Buffer.from(",")]))));
  if (row.length !== names.length) {
    const reason = `the row has ${row.length} cells, the table has ${names.length} columns`;
    return { type: "reject", reject: { place, reason, text: text() } };
  }
  const key = row[columns.key]!;
  if (!isUtf8(key))
    return { type: "reject", reject: { place, reason: "the key is not UTF-8", text: text() } };
  if (columns.value !== undefined) {
    return judge(place, { key: key.toString("utf8"), value: row[columns.value]! });
  }
  if (!row.every((cell) => isUtf8(cell))) {
    return { type: "reject", reject: { place, reason: "a cell is not UTF-8", text: text() } };
  }
  const fields = Object.fromEntries(names.map((name, index) => [name, row[index]!.toString("utf8")]));
  return judge(place, { key: key.toString("utf8"), value: Buffer.from(JSON.stringify(fields)) });
}

/** A row that the parser could not read. */
interface DamagedRow {
  readonly line: number;
  readonly reason: string;
}

function damagedRow(error: CsvError | undefined): DamagedRow {
  const line = error?.["lines"];
  return {
    line: typeof line === "number" ? line : 0,
    reason: error?.message ?? "the row cannot be read",
  };
}

function createParser(options: CsvOptions, onDamaged: (row: DamagedRow) => void): Parser {
  return parse({
    bom: true,
    info: true,
    // Cells stay bytes, so that values need not be text.
    encoding: null,
    delimiter: options.delimiter ?? ",",
    max_record_size: maxRowBytes,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error) => {
      onDamaged(damagedRow(error));
      return undefined;
    },
  });
}

/** Reads a stream that is opened anew for each reading. @throws CliError USAGE when the columns are not there. */
export function csvReader(open: () => AsyncIterable<Uint8Array>, options: CsvOptions = {}): SourceReader {
  return async function* read(after): AsyncGenerator<SourceItem, void, undefined> {
    const skipped = after === undefined ? 0 : Number(after);
    let damaged: DamagedRow[] = [];
    const parser = createParser(options, (row) => damaged.push(row));
    const source = Readable.from(open());
    source.on("error", (error) => parser.destroy(error));
    source.pipe(parser);
    let count = 0;
    const item = (found: SourceItem["found"], bytesRead: number): SourceItem[] => {
      count += 1;
      return count <= skipped ? [] : [{ position: String(count), bytesRead, found }];
    };
    /** The parser is ahead of its reader: only what stands before the line comes now, so that the order is always the same. */
    const damagedBefore = (line: number, bytesRead: number): SourceItem[] => {
      const due = damaged.filter((row) => row.line < line);
      damaged = damaged.filter((row) => row.line >= line);
      return due.flatMap(({ line: at, reason }) =>
        item({ type: "reject", reject: { place: `line ${at}`, reason } }, bytesRead),
      );
    };
    let columns: Columns | undefined;
    for await (const { info, record } of parser as AsyncIterable<Row>) {
      if (columns === undefined) {
        columns = columnsOf(record, options);
        continue;
      }
      yield* damagedBefore(info.lines, info.bytes);
      yield* item(foundIn(`line ${info.lines}`, record, columns), info.bytes);
    }
    yield* damagedBefore(Number.POSITIVE_INFINITY, parser.info.bytes);
  };
}
