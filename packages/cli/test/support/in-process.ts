/** Runs `titan` inside this process: what it prints and returns is the same, without the time a process takes to start. */
import { PassThrough, Readable } from "node:stream";
import { runCli, type Terminal } from "../../src/index.ts";
import type { Run } from "./titan.ts";

function collector(): { readonly stream: PassThrough; readonly content: () => Buffer } {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return { stream, content: () => Buffer.concat(chunks) };
}

/** Runs it to its end. */
export async function titanInProcess(
  words: readonly string[],
  options: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Run> {
  const stdout = collector();
  const stderr = collector();
  const terminal: Terminal = {
    stdin: Readable.from([Buffer.from(options.input ?? "")]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: { ...options.env },
  };
  const code = await runCli(words, terminal);
  await new Promise((resolve) => setImmediate(resolve));
  const stdoutBytes = stdout.content();
  return {
    code,
    stdoutBytes,
    stdout: stdoutBytes.toString("utf8"),
    stderr: stderr.content().toString("utf8"),
  };
}
