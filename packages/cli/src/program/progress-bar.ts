/** Progress of long work, where a person is looking; nothing at all otherwise. */
import { progress } from "@clack/prompts";
import { isInteractive, type Terminal } from "./terminal.ts";

/** Steps of the bar. */
const steps = 1000;
const barWidth = 30;
/** How often it is drawn at most, in milliseconds. */
const intervalMs = 100;

export class ProgressBar {
  readonly #bar: ReturnType<typeof progress> | undefined;
  #drawnSteps = 0;
  #drawnAtMs = 0;

  constructor(terminal: Terminal, text: string) {
    if (!isInteractive(terminal)) return;
    this.#bar = progress({ max: steps, size: barWidth, style: "block", output: process.stderr });
    this.#bar.start(text);
  }

  /** How much is done, 0 to 1, or `undefined` when nobody knows how much there is; and what to say about it. */
  update(share: number | undefined, text: string): void {
    const nowMs = performance.now();
    if (this.#bar === undefined || nowMs - this.#drawnAtMs < intervalMs) return;
    this.#drawnAtMs = nowMs;
    const reached = Math.floor(Math.min(1, share ?? 0) * steps);
    this.#bar.advance(Math.max(0, reached - this.#drawnSteps), text);
    this.#drawnSteps = Math.max(reached, this.#drawnSteps);
  }

  /** Takes the bar away and leaves the text. */
  end(text: string): void {
    this.#bar?.stop(text);
  }
}
