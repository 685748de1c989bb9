/** A node of a development cluster as a process of its own, which can be killed, paused and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { open } from "node:fs/promises";
import { entryFile } from "../program/entry.ts";
import type { ServingMessage } from "../server/serve.ts";

/** How long a process may take to stop cleanly before it is killed, in milliseconds. */
const stopLimitMs = 15_000;
/** How much of the end of a log is looked at to say why a process ended. */
const logTailBytes = 4096;

/** What a process does. */
export type DevProcessState = "stopped" | "starting" | "running" | "paused" | "failed";

/** How to start the process. */
export interface DevProcessOptions {
  readonly node: number;
  /** The words after `titan server`. */
  readonly flags: () => readonly string[];
  readonly logFile: string;
  /** Called when the process ends without having been told to. */
  readonly onLost: (process: DevProcess, reason: string) => void;
}

export class DevProcess {
  readonly node: number;
  readonly #options: DevProcessOptions;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #state: DevProcessState = "stopped";
  /** Whether the present process is meant to end. */
  #ending = false;

  constructor(options: DevProcessOptions) {
    this.node = options.node;
    this.#options = options;
  }

  get state(): DevProcessState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it; resolves when it serves. Rejects with the end of its log when it ends instead. */
  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const { logFile, flags } = this.#options;
    const log = openSync(logFile, "a");
    const child = spawn(
      process.execPath,
      [...process.execArgv, entryFile, "server", ...flags()],
      // A group of its own, so that Ctrl-C reaches only the process that looks after it; the channel ends it with its parent.
      { stdio: ["ignore", log, log, "ipc"], detached: true, env: withoutOptions(process.env) },
    );
    closeSync(log);
    this.#child = child;
    this.#state = "starting";
    this.#ending = false;
    const { promise: serving, resolve, reject } = Promise.withResolvers<void>();
    child.once("message", (message: ServingMessage) => {
      if (message.type !== "serving") return;
      this.#state = "running";
      resolve();
    });
    child.once("error", reject);
    this.#exited = new Promise((done) => {
      child.once("exit", (code, signal) => {
        this.#child = undefined;
        const wasStarting = this.#state === "starting";
        this.#state = this.#ending ? "stopped" : "failed";
        const end = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
        void this.#lastLogLine().then((line) => {
          const reason = line === "" ? end : `${end}: ${line}`;
          reject(new Error(`node ${this.node} ${reason} (log: ${logFile})`));
          if (!this.#ending && !wasStarting) this.#options.onLost(this, reason);
        });
        done();
      });
    });
    await serving;
  }

  /** As a crash: no chance to do anything. */
  async kill(): Promise<void> {
    this.#ending = true;
    this.#child?.kill("SIGKILL");
    await this.#exited;
  }

  /** Cleanly; killed when it takes too long. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#ending = true;
    // A paused process cannot hear that it should stop.
    child.kill("SIGCONT");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), stopLimitMs);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Stops its time: it neither answers nor notices, and its connections stay open. */
  pause(): boolean {
    if (this.#state !== "running" || this.#child?.kill("SIGSTOP") !== true) return false;
    this.#state = "paused";
    return true;
  }

  /** Lets it go on. */
  resume(): boolean {
    if (this.#state !== "paused" || this.#child?.kill("SIGCONT") !== true) return false;
    this.#state = "running";
    return true;
  }

  async #lastLogLine(): Promise<string> {
    try {
      await using file = await open(this.#options.logFile);
      const { size } = await file.stat();
      const start = Math.max(0, size - logTailBytes);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(logTailBytes), 0, logTailBytes, start);
      const lines = buffer.toString("utf8", 0, bytesRead).trim().split("\n");
      return lines.findLast((line) => line.startsWith("titan: ")) ?? lines.at(-1) ?? "";
    } catch {
      return "";
    }
  }
}

/** Variables that name options would reach every node alike. */
function withoutOptions(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("TITAN_")));
}
