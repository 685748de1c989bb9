/** Runs `titan` as its users do: as a process of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const entry = join(import.meta.dirname, "../../src/main.ts");

/** What a run printed and ended with. */
export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
}

/** How to run it. */
export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts it; the caller waits for its end. */
export function startTitan(
  words: readonly string[],
  options: RunOptions = {},
): ChildProcessWithoutNullStreams {
  const { TITAN_ENDPOINT: _endpoint, TITAN_CONTEXT: _context, ...inherited } = process.env;
  return spawn(process.execPath, ["--conditions=@titan-kv/source", entry, ...words], {
    cwd: options.cwd,
    env: { ...inherited, NO_COLOR: "1", ...options.env },
  });
}

/** Runs it to its end. */
export async function titan(words: readonly string[], options: RunOptions = {}): Promise<Run> {
  return finish(startTitan(words, options), options.input);
}

/** Waits for the end of a run. */
export async function finish(
  child: ChildProcessWithoutNullStreams,
  input: string | Uint8Array = "",
): Promise<Run> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  // A command that does not read its input has closed it.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number | null];
  const stdoutBytes = Buffer.concat(stdout);
  return {
    code,
    stdout: stdoutBytes.toString("utf8"),
    stdoutBytes,
    stderr: Buffer.concat(stderr).toString("utf8"),
  };
}
