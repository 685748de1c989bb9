/**
 * Rows of comma-separated values (RFC 4180) from a stream of bytes.
 *
 * Cells stay bytes, since values need not be text. A row that breaks the rules is reported with its lines and passed over
 * up to its end; the rows after it are read. What a parser must not do here is to guess: a row that is neither read nor
 * reported would be lost without anybody knowing.
 */

/** A row: its cells, or why it has none. */
export interface CsvRow {
  readonly firstLine: number;
  readonly lastLine: number;
  /** Bytes of the stream up to and with the row's end. */
  readonly bytesRead: number;
  readonly cells: readonly Buffer[];
  /** What is wrong with the row; its cells mean nothing then. */
  readonly problem: string | undefined;
}

const quote = 0x22;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

type State = "cellStart" | "plain" | "quoted" | "quoteSeen" | "returnSeen" | "damaged";

export class CsvRows {
  readonly #delimiter: number;
  readonly #maxRowBytes: number;
  #state: State = "cellStart";
  #cells: Buffer[] = [];
  #parts: Buffer[] = [];
  #rowBytes = 0;
  #bytesRead = 0;
  #line = 1;
  #firstLine = 1;
  #problem: string | undefined;

  constructor(options: { readonly delimiter: number; readonly maxRowBytes: number }) {
    this.#delimiter = options.delimiter;
    this.#maxRowBytes = options.maxRowBytes;
  }

  /** The rows that end in this piece of the stream. Their cells are copies. */
  *push(chunk: Buffer): Generator<CsvRow, void, undefined> {
    let sliceStart = 0;
    for (let index = 0; index < chunk.length; index += 1) {
      const byte = chunk[index]!;
      this.#rowBytes += 1;
      if (this.#rowBytes === this.#maxRowBytes + 1) this.#tooLong();
      const before = this.#state;
      const after = this.#next(byte);
      if (before === "plain" && after !== "plain") this.#keep(chunk, sliceStart, index);
      if (before === "quoted" && after !== "quoted") this.#keep(chunk, sliceStart, index);
      if (after === "plain" && before !== "plain") sliceStart = index;
      // An escaped quote is the second of two: it belongs to the cell.
      if (after === "quoted" && before !== "quoted") sliceStart = before === "quoteSeen" ? index : index + 1;
      this.#state = after;
      if (byte === this.#delimiter && after === "cellStart") this.#endCell();
      if (byte !== lineFeed) continue;
      this.#line += 1;
      if (after !== "cellStart") continue;
      const row = this.#endRow(before);
      if (row !== undefined) yield row;
    }
    if (this.#state === "plain" || this.#state === "quoted") this.#keep(chunk, sliceStart, chunk.length);
  }

  /** The row that the end of the stream ends. */
  *end(): Generator<CsvRow, void, undefined> {
    if (this.#rowBytes === 0) return;
    if (this.#state === "quoted")
      this.#problem = `a quote that is opened in line ${this.#firstLine} is never closed`;
    const before = this.#state;
    this.#state = "cellStart";
    this.#line += 1;
    const row = this.#endRow(before);
    if (row !== undefined) yield row;
  }

  #next(byte: number): State {
    switch (this.#state) {
      case "cellStart":
        if (byte === quote) return "quoted";
        return byte === this.#delimiter || byte === lineFeed ? "cellStart" : "plain";
      case "plain":
        if (byte === quote) return this.#damage("a quote inside a cell that does not begin with one");
        return byte === this.#delimiter || byte === lineFeed ? "cellStart" : "plain";
      case "quoted":
        return byte === quote ? "quoteSeen" : "quoted";
      case "quoteSeen":
        if (byte === quote) return "quoted";
        if (byte === carriageReturn) return "returnSeen";
        if (byte === this.#delimiter || byte === lineFeed) return "cellStart";
        return this.#damage("something follows the closing quote of a cell");
      case "returnSeen":
        return byte === lineFeed
          ? "cellStart"
          : this.#damage("something follows the closing quote of a cell");
      case "damaged":
        return byte === lineFeed ? "cellStart" : "damaged";
    }
  }

  #damage(problem: string): State {
    this.#problem ??= problem;
    return "damaged";
  }

  #tooLong(): void {
    this.#problem ??= `the row is longer than ${this.#maxRowBytes} bytes`;
    this.#cells = [];
    this.#parts = [];
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    // A row that will be rejected need not be held in memory.
    if (this.#problem === undefined && end > start) this.#parts.push(Buffer.from(chunk.subarray(start, end)));
  }

  #endCell(): void {
    if (this.#problem === undefined) this.#cells.push(Buffer.concat(this.#parts));
    this.#parts = [];
  }

  /** `undefined` for an empty line. */
  #endRow(stateBefore: State): CsvRow | undefined {
    if (stateBefore === "plain") this.#dropReturn();
    const isQuoted = stateBefore === "quoteSeen" || stateBefore === "returnSeen";
    const isEmpty = this.#cells.length === 0 && this.#parts.length === 0 && !isQuoted;
    this.#endCell();
    this.#bytesRead += this.#rowBytes;
    const row = {
      firstLine: this.#firstLine,
      lastLine: this.#line - 1,
      bytesRead: this.#bytesRead,
      cells: this.#cells,
      problem: this.#problem,
    };
    this.#cells = [];
    this.#rowBytes = 0;
    this.#firstLine = this.#line;
    this.#problem = undefined;
    return isEmpty && row.problem === undefined ? undefined : row;
  }

  /** A carriage return before the line feed belongs to the end of the line. */
  #dropReturn(): void {
    const last = this.#parts.at(-1);
    if (last?.at(-1) !== carriageReturn) return;
    this.#parts.pop();
    if (last.length > 1) this.#parts.push(last.subarray(0, -1));
  }
}
