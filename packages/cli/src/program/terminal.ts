/**
 * Where a command reads and writes. Results go to standard output and nothing else does, so that they can be piped;
 * progress, notes and errors go to standard error. Colour and progress only where a person is looking.
 */
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** The streams of a process, or of a test. */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream & {
    readonly isTTY?: boolean;
    setRawMode?(on: boolean): unknown;
  };
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The streams of this process. */
export const processTerminal: Terminal = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
};

/** Colours a text for a stream that shows colours; NO_COLOR and FORCE_COLOR are honoured. */
export function paint(
  terminal: Terminal,
  style: Style,
  text: string,
  on: "stdout" | "stderr" = "stdout",
): string {
  const stream = terminal[on];
  if (terminal.env["NO_COLOR"] !== undefined && terminal.env["NO_COLOR"] !== "") return text;
  if (stream.isTTY !== true) return text;
  return styleText(style, text, { validateStream: false });
}

/** Whether a person sees what is written to standard error. A terminal without width belongs to a recorder or a build. */
export function isInteractive({ stderr, env }: Terminal): boolean {
  return stderr.isTTY === true && stderr.columns !== 0 && env["TERM"] !== "dumb";
}

/** Writes all of it, waiting while the reader is slow; a reader that has gone away ends the process quietly later. */
export async function writeOut(terminal: Terminal, chunk: string | Uint8Array): Promise<void> {
  if (terminal.stdout.write(chunk)) return;
  await new Promise<void>((resolve) => {
    const { stdout } = terminal;
    const done = (): void => {
      stdout.off("drain", done);
      stdout.off("close", done);
      stdout.off("error", done);
      resolve();
    };
    stdout.on("drain", done);
    stdout.on("close", done);
    stdout.on("error", done);
  });
}

/** A line for people, to standard error. */
export function note(terminal: Terminal, line: string): void {
  terminal.stderr.write(`${line}\n`);
}
