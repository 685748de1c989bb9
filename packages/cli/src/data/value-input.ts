/** Where the value of a write comes from: the command line, standard input, or a file; always byte for byte. */
import { readFile } from "node:fs/promises";
import { localError, usageError } from "../program/cli-error.ts";
import type { Terminal } from "../program/terminal.ts";

/** Most that is read before it is clear that no cluster would take it, in bytes. */
const maxInputBytes = 64 * 1024 * 1024;

/** All of standard input. */
async function readStdin(terminal: Terminal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of terminal.stdin) {
    const buffer = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    bytes += buffer.length;
    if (bytes > maxInputBytes) throw usageError(`standard input has more than ${maxInputBytes} bytes`);
    chunks.push(buffer);
  }
  return Buffer.concat(chunks);
}

/** All of a file, or of standard input for `-`. */
export async function readInput(terminal: Terminal, name: string): Promise<Buffer> {
  if (name === "-") return readStdin(terminal);
  try {
    return await readFile(name);
  } catch (error) {
    throw localError(`${name} cannot be read: ${(error as Error).message}`, error);
  }
}

/** The value that the user means. `-` and nothing at all mean standard input. */
export async function valueFrom(
  terminal: Terminal,
  { word, file }: { readonly word: string | undefined; readonly file: string | undefined },
): Promise<string | Uint8Array> {
  if (file !== undefined) {
    if (word !== undefined) throw usageError("give the value or --file, not both");
    return readInput(terminal, file);
  }
  if (word !== undefined && word !== "-") return word;
  if (terminal.stdin.isTTY === true && word === undefined) {
    throw usageError("the value is missing", "give it after the key, with --file, or pipe it in");
  }
  return readStdin(terminal);
}
