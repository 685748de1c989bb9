/** A cluster of one `titan server` process, for tests of what a whole development cluster is too large for. */
import { once } from "node:events";
import { freePorts } from "../../src/dev/free-ports.ts";
import { finish, type Run, startTitan, titan } from "./titan.ts";

/** How often a command is tried until the cluster is founded. */
const attempts = 20;

export class LoneServer implements AsyncDisposable {
  /** Its address for clients. */
  readonly endpoint: string;
  readonly #stop: () => Promise<Run>;

  private constructor(endpoint: string, stop: () => Promise<Run>) {
    this.endpoint = endpoint;
    this.#stop = stop;
  }

  /** Starts it in a directory; resolves when it serves. */
  static async start(dataDirectory: string, flags: readonly string[] = []): Promise<LoneServer> {
    const [client = 0, peer = 0] = await freePorts(2);
    const founder = `1@127.0.0.1:${client}/127.0.0.1:${peer}`;
    const options = {
      "data-directory": dataDirectory,
      "node-id": 1,
      "cluster-initial-nodes": founder,
      "cluster-replication-factor": 1,
      "client-port": client,
      "peer-port": peer,
      "log-level": "error",
    };
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = startTitan(["server", ...words, ...flags]);
    const ended = finish(child);
    await Promise.race([
      once(child.stdout, "data"),
      ended.then(({ code, stderr }) => Promise.reject(new Error(`ended with ${code}: ${stderr}`))),
    ]);
    return new LoneServer(`127.0.0.1:${client}`, () => {
      child.kill("SIGKILL");
      return ended;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}

/** Runs a command until it ends with this code; the last run. */
export async function untilCode(
  code: number,
  words: readonly string[],
  env: Record<string, string>,
): Promise<Run> {
  for (let attempt = 1; ; attempt += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const run = await titan(words, { env });
    if (run.code === code || attempt === attempts) return run;
  }
}
