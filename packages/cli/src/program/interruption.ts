/** Ctrl-C in the middle of long work: the first one asks it to end well, the second one ends it. */
import { ExitCode } from "./exit-code.ts";
import { note, type Terminal } from "./terminal.ts";

/** Listens for signals until it is disposed. */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly #onSignal: (signal: NodeJS.Signals) => void;
  #received: NodeJS.Signals | undefined;

  constructor(terminal: Terminal, endingText: string) {
    this.#onSignal = (signal) => {
      if (this.#received !== undefined) process.exit(exitCodeOf(signal));
      this.#received = signal;
      note(terminal, endingText);
      this.#controller.abort();
    };
    process.on("SIGINT", this.#onSignal);
    process.on("SIGTERM", this.#onSignal);
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What the process ends with because of it; `undefined` when there was none. */
  get exitCode(): ExitCode | undefined {
    return this.#received === undefined ? undefined : exitCodeOf(this.#received);
  }

  [Symbol.dispose](): void {
    process.off("SIGINT", this.#onSignal);
    process.off("SIGTERM", this.#onSignal);
  }
}

function exitCodeOf(signal: NodeJS.Signals): ExitCode {
  return signal === "SIGTERM" ? ExitCode.Terminated : ExitCode.Interrupted;
}
