/**
 * Progress of long work, in one line that is drawn over itself, where a person is looking; nothing at all otherwise.
 *
 * Our own, since the libraries' bars listen to the keyboard while they run and end the process at Ctrl-C by themselves: then
 * nobody saves how far the work is, and the process claims to have succeeded.
 */
import { stripVTControlCharacters } from "node:util";
import { isInteractive, paint, type Terminal } from "./terminal.ts";

const barWidth = 30;
/** How often it is drawn at most, in milliseconds. */
const intervalMs = 100;
const defaultColumns = 80;
/** To the beginning of the line, and everything after it away. */
const startOver = "\r\u001B[K";

export class ProgressBar {
  readonly #terminal: Terminal;
  readonly #isShown: boolean;
  #drawnAtMs = Number.NEGATIVE_INFINITY;

  constructor(terminal: Terminal, text: string) {
    this.#terminal = terminal;
    this.#isShown = isInteractive(terminal);
    this.#draw(undefined, text);
  }

  /** How much is done, 0 to 1, or `undefined` when nobody knows how much there is; and what to say about it. */
  update(share: number | undefined, text: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#drawnAtMs < intervalMs) return;
    this.#drawnAtMs = nowMs;
    this.#draw(share, text);
  }

  /** Takes the bar away and leaves the text. */
  end(text: string): void {
    if (this.#isShown) this.#terminal.stderr.write(`${startOver}${text}\n`);
  }

  #draw(share: number | undefined, text: string): void {
    if (!this.#isShown) return;
    const { stderr } = this.#terminal;
    const line = share === undefined ? text : `${this.#bar(Math.min(1, share))} ${text}`;
    // A line that wraps could not be drawn over.
    const isTooLong = stripVTControlCharacters(line).length >= (stderr.columns ?? defaultColumns);
    stderr.write(startOver + (isTooLong ? text.slice(0, (stderr.columns ?? defaultColumns) - 1) : line));
  }

  #bar(share: number): string {
    const done = Math.floor(share * barWidth);
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    const bar =
      paint(this.#terminal, "green", "█".repeat(done), "stderr") +
      paint(this.#terminal, "dim", "░".repeat(barWidth - done), "stderr");
    return `${bar}${percent}`;
  }
}
