/** Our end of a driver process. */
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import type { ChildProcesses } from "./child-processes.ts";
import type { Cell, DriverAnswer, DriverOrder, DriverSetup, Sample } from "./measurement.ts";

const script = join(import.meta.dirname, "driver-process.ts");
/** How long a driver may take to close its connections, in milliseconds. */
const endGraceMs = 3000;

/** How long to run, in milliseconds. */
export interface Durations {
  readonly warmupMs: number;
  readonly measureMs: number;
}

export class DriverHost {
  readonly #processes: ChildProcesses;
  readonly #child: ChildProcess;

  private constructor(processes: ChildProcesses, child: ChildProcess) {
    this.#processes = processes;
    this.#child = child;
  }

  /** Starts the process and waits until its client is connected. */
  static async start(
    processes: ChildProcesses,
    setup: DriverSetup,
    nodeArguments: readonly string[] = [],
  ): Promise<DriverHost> {
    const child = processes.startScript(script, [JSON.stringify(setup)], nodeArguments);
    await nextAnswer(child);
    return new DriverHost(processes, child);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Puts every key with a value of this size. */
  async fill(valueBytes: number): Promise<void> {
    await this.#order({ type: "fill", valueBytes });
  }

  async measure(cell: Cell, { warmupMs, measureMs }: Durations): Promise<Sample> {
    const answer = await this.#order({ type: "measure", cell, warmupMs, measureMs });
    if (answer.type !== "done" || answer.sample === undefined)
      throw new Error("the driver sent no measurement");
    return answer.sample;
  }

  /** Lets it close its client and end. */
  async end(): Promise<void> {
    if (!this.#child.connected) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.send({ type: "end" } satisfies DriverOrder);
    const timer = setTimeout(() => void this.#processes.end(this.#child, 0), endGraceMs);
    await gone;
    clearTimeout(timer);
  }

  #order(order: DriverOrder): Promise<DriverAnswer> {
    const answer = nextAnswer(this.#child);
    this.#child.send(order);
    return answer;
  }
}

function nextAnswer(child: ChildProcess): Promise<DriverAnswer> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: string | null): void => {
      reject(new Error(`the driver ended with ${signal ?? code}`));
    };
    child.once("exit", onExit);
    child.once("message", (answer: DriverAnswer) => {
      child.off("exit", onExit);
      if (answer.type === "failed") reject(new Error(`the driver failed: ${answer.message}`));
      else resolve(answer);
    });
  });
}
