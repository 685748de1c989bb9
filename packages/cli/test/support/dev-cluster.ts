/** A development cluster for a test: started by `titan dev` on free ports, ended with everything it started. */
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DevStatus } from "../../src/dev/control-protocol.ts";
import { type Run, type RunOptions, startTitan, titan } from "./titan.ts";

/** How long a cluster may take to start on a busy machine, in milliseconds. */
const startLimitMs = 90_000;

export class TestCluster {
  /** Everything of the test is below it: data, sources, exports. */
  readonly directory: string;
  #supervisor: ChildProcessWithoutNullStreams | undefined;
  #output = "";

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Starts a new cluster. */
  static async start(nodes = 3, flags: readonly string[] = []): Promise<TestCluster> {
    const cluster = new TestCluster(await mkdtemp(join(tmpdir(), "titan-cli-")));
    await cluster.up(["--nodes", String(nodes), ...flags]);
    return cluster;
  }

  /** Variables that lead commands to this cluster and keep them away from the user's files. */
  get env(): Record<string, string> {
    return {
      TITAN_DEV_DIR: join(this.directory, "dev"),
      XDG_STATE_HOME: join(this.directory, "state"),
      XDG_CONFIG_HOME: join(this.directory, "config"),
    };
  }

  /** What `titan dev` has printed. */
  get output(): string {
    return this.#output;
  }

  /** Starts it, the first time or again; resolves when it says how to use it. */
  async up(flags: readonly string[] = []): Promise<void> {
    const supervisor = startTitan(["dev", "--port", "0", ...flags], { env: this.env, cwd: this.directory });
    this.#supervisor = supervisor;
    this.#output = "";
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no cluster in time:\n${this.#output}`)), startLimitMs);
      const collect = (chunk: Buffer): void => {
        this.#output += chunk.toString();
        if (!this.#output.includes("Ctrl-C stops the cluster")) return;
        clearTimeout(timer);
        resolve();
      };
      supervisor.stdout.on("data", collect);
      supervisor.stderr.on("data", collect);
      supervisor.once("exit", (code) => {
        clearTimeout(timer);
        reject(new Error(`titan dev ended with ${code}:\n${this.#output}`));
      });
    });
  }

  /** Stops it as Ctrl-C does; resolves with the exit code. */
  async down(signal: NodeJS.Signals = "SIGINT"): Promise<number | null> {
    const supervisor = this.#supervisor;
    this.#supervisor = undefined;
    if (supervisor === undefined || supervisor.exitCode !== null) return supervisor?.exitCode ?? null;
    supervisor.kill(signal);
    const [code] = (await once(supervisor, "exit")) as [number | null];
    return code;
  }

  /** Runs a command against it. */
  run(words: readonly string[], options: RunOptions = {}): Promise<Run> {
    return titan(words, { cwd: this.directory, ...options, env: { ...this.env, ...options.env } });
  }

  /** Runs a command that must succeed; returns what it printed. */
  async ok(words: readonly string[], options: RunOptions = {}): Promise<string> {
    const run = await this.run(words, options);
    if (run.code === 0) return run.stdout;
    throw new Error(`titan ${words.join(" ")} ended with ${run.code}:\n${run.stderr}`);
  }

  /** The processes and the network. */
  async status(): Promise<DevStatus> {
    return JSON.parse(await this.ok(["dev", "status", "-o", "json"])) as DevStatus;
  }

  /** A path in the test's directory. */
  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  /** Ends everything at once: nobody needs the data any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    const pids = this.#supervisor === undefined ? [] : await this.#pids();
    await this.down("SIGKILL");
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Gone already, as it should be.
      }
    }
    await rm(this.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  async #pids(): Promise<number[]> {
    const status = await this.status().catch(() => undefined);
    return status?.nodes.flatMap(({ pid }) => (pid === undefined ? [] : [pid])) ?? [];
  }
}
