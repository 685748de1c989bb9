/** How many of the newest lines are kept for a report. */
const keptLines = 60;

/** What happened, as a hash of everything and as text of the last of it. Two runs of a seed must have the same hash. */
export class Trace {
  #hash = 0x811c_9dc5;
  #events = 0;
  readonly #lines: string[] = [];
  readonly #print: ((line: string) => void) | undefined;

  /** @param print - called with every line, for a replay that a person watches. */
  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  get events(): number {
    return this.#events;
  }

  get lastLines(): readonly string[] {
    return this.#lines;
  }

  note(atMs: number, line: string): void {
    this.#events += 1;
    const text = `${atMs.toFixed(1).padStart(9)} ${line}`;
    let hash = this.#hash;
    // FNV-1a over the characters.
    for (let position = 0; position < text.length; position += 1) {
      hash = Math.imul(hash ^ text.charCodeAt(position), 0x0100_0193);
    }
    this.#hash = hash;
    this.#print?.(text);
    this.#lines.push(text);
    if (this.#lines.length > keptLines) this.#lines.shift();
  }
}
