/** Every process and directory of a run, so that none is left behind: not at the end, not on Ctrl-C, not after a crash. */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import type { ReaperMessage } from "./reaper.ts";

/** Part of a log that is shown when its process ends too early, in characters. */
const logTailChars = 2000;

/** What to start. */
export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** File that takes what it prints. */
  readonly logFile: string;
}

export class ChildProcesses {
  /** Where everything of the run is kept: data, logs, profiles. */
  readonly directory: string;
  readonly #reaper: ChildProcess;
  readonly #children = new Set<ChildProcess>();

  #isInterrupted = false;

  private constructor(directory: string) {
    this.directory = directory;
    this.#reaper = fork(join(import.meta.dirname, "reaper.ts"), [], { execArgv: [], detached: true });
    this.#tellReaper({ type: "directory", path: directory });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(signal, () => void this.#interrupt(signal));
    }
  }

  /** Runs `work` with processes and a directory that end with it, whatever ends it. `parent` is on the disk to be measured. */
  static async using<T>(parent: string, work: (processes: ChildProcesses) => Promise<T>): Promise<T> {
    const processes = new ChildProcesses(await mkdtemp(join(parent, "titan-bench-")));
    try {
      return await work(processes);
    } catch (error) {
      // Whoever interrupts sees to it that what is measured fails. The program is about to end; there is nothing to tell.
      if (processes.#isInterrupted) return await new Promise<never>(() => undefined);
      throw error;
    } finally {
      await processes.#close();
    }
  }

  /** Starts a server. Its channel, where it knows of one, ends it together with this process. */
  start({ command, args, logFile }: ChildOptions): ChildProcess {
    const log = openSync(logFile, "a");
    const child = spawn(command, args, { stdio: ["ignore", log, log, "ipc"], env: plainEnvironment() });
    closeSync(log);
    return this.#track(child);
  }

  /** Starts a script of this benchmark. Its errors go to our terminal. */
  startScript(file: string, args: readonly string[], execArgv: readonly string[] = []): ChildProcess {
    return this.#track(
      fork(file, args, {
        execArgv: [...execArgv],
        env: plainEnvironment(),
        stdio: ["ignore", "pipe", "inherit", "ipc"],
      }),
    );
  }

  /** Ends a process, cleanly if it can within the time, and waits until it is gone. */
  async end(child: ChildProcess, graceMs: number): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill(graceMs > 0 ? "SIGTERM" : "SIGKILL");
    const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
    await gone;
    clearTimeout(timer);
  }

  async #interrupt(signal: "SIGINT" | "SIGTERM" | "SIGHUP"): Promise<void> {
    this.#isInterrupted = true;
    await this.#close();
    process.exit(128 + constants.signals[signal]);
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.end(child, 0)));
    await rm(this.directory, { recursive: true, force: true });
    if (this.#reaper.connected) this.#reaper.disconnect();
  }

  #track(child: ChildProcess): ChildProcess {
    const { pid } = child;
    if (pid === undefined) return child;
    this.#children.add(child);
    this.#tellReaper({ type: "started", pid });
    child.once("exit", () => {
      this.#children.delete(child);
      this.#tellReaper({ type: "ended", pid });
    });
    return child;
  }

  #tellReaper(message: ReaperMessage): void {
    if (this.#reaper.connected) this.#reaper.send(message);
  }
}

/** Rejects when a process ends, with the end of its log. */
export async function untimelyEnd(child: ChildProcess, name: string, logFile: string): Promise<never> {
  const reason = await new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(`ended with ${signal ?? code}`));
  });
  const log = await readFile(logFile, "utf8").catch(() => "");
  throw new Error(`${name}: ${reason}\n${log.slice(-logTailChars)}`);
}

/** Nothing that is set for this process may change what is measured. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(TITAN_|ETCD_|NODE_OPTIONS$|NODE_V8_COVERAGE$)/.test(name),
    ),
  );
}
