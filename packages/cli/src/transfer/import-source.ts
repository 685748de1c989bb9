/** What `titan import` was pointed at: a file of lines or rows, a directory, or standard input. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { localError, usageError } from "../program/cli-error.ts";
import type { Terminal } from "../program/terminal.ts";
import { csvReader } from "./csv-reader.ts";
import { directoryReader } from "./directory-reader.ts";
import { ndjsonReader } from "./ndjson-reader.ts";
import { type SourceReader, withKeyPrefix } from "./record.ts";

/** Forms of sources. */
export const sourceFormats = ["ndjson", "csv", "directory"] as const;
export type SourceFormat = (typeof sourceFormats)[number];

/** How the source is to be read, as flags say it. */
export interface SourceFlags {
  readonly format?: SourceFormat;
  readonly prefix?: string;
  readonly keyField?: string;
  readonly keyColumn?: string;
  readonly valueColumn?: string;
  readonly delimiter?: string;
  readonly include?: readonly string[];
}

/** A source, ready to be read. */
export interface ImportSource {
  readonly name: string;
  readonly format: SourceFormat;
  readonly read: SourceReader;
  /** Bytes of a file; `undefined` where nobody knows before it has been read. */
  readonly totalBytes: number | undefined;
  /** What its positions belong to; `undefined` for standard input, which cannot be read again. */
  readonly identity: { readonly path: string; readonly version: string } | undefined;
}

const formatByExtension: Readonly<Record<string, SourceFormat>> = {
  ".ndjson": "ndjson",
  ".jsonl": "ndjson",
  ".json": "ndjson",
  ".csv": "csv",
  ".tsv": "csv",
};

/** Finds out what the word means. @throws CliError when there is nothing, or it is not clear how to read it. */
export async function openSource(
  word: string,
  flags: SourceFlags,
  terminal: Terminal,
): Promise<ImportSource> {
  if (word === "-") {
    const format = flags.format ?? "ndjson";
    if (format === "directory") throw usageError("standard input is not a directory");
    const read = readerFor(format, () => terminal.stdin as AsyncIterable<Uint8Array>, flags, word);
    return { name: "standard input", format, read, totalBytes: undefined, identity: undefined };
  }
  const path = resolve(word);
  let found;
  try {
    found = await stat(path, { bigint: true });
  } catch (error) {
    throw localError(`${word} cannot be read: ${(error as Error).message}`, error);
  }
  const format = found.isDirectory()
    ? "directory"
    : (flags.format ?? formatByExtension[extname(path).toLowerCase()]);
  if (format === undefined) {
    throw usageError(
      `${word} has no ending that tells its format`,
      `say --format ${sourceFormats.join(" or ")}`,
    );
  }
  if (flags.format !== undefined && (flags.format === "directory") !== found.isDirectory()) {
    throw usageError(`${word} is ${found.isDirectory() ? "a directory" : "a file"}, not ${flags.format}`);
  }
  return {
    name: word,
    format,
    read: readerFor(format, () => createReadStream(path), flags, path),
    totalBytes: found.isDirectory() ? undefined : Number(found.size),
    identity: {
      path,
      version: found.isDirectory() ? "" : `${found.size}-${found.mtimeNs}-${found.ino}`,
    },
  };
}

function readerFor(
  format: SourceFormat,
  open: () => AsyncIterable<Uint8Array>,
  flags: SourceFlags,
  path: string,
): SourceReader {
  const { prefix = "", keyField, keyColumn, valueColumn, include } = flags;
  checkFlags(format, flags);
  switch (format) {
    case "ndjson":
      return withKeyPrefix(ndjsonReader(open, { keyField }), prefix);
    case "csv": {
      const delimiter = flags.delimiter ?? (path.endsWith(".tsv") ? "\t" : ",");
      return withKeyPrefix(csvReader(open, { keyColumn, valueColumn, delimiter }), prefix);
    }
    case "directory":
      return withKeyPrefix(directoryReader(path, { include }), prefix);
  }
}

/** A flag that has no effect is a mistake that its user should hear of. */
function checkFlags(format: SourceFormat, flags: SourceFlags): void {
  const belongsTo: Readonly<Record<string, SourceFormat>> = {
    keyField: "ndjson",
    keyColumn: "csv",
    valueColumn: "csv",
    delimiter: "csv",
    include: "directory",
  };
  for (const [name, needed] of Object.entries(belongsTo)) {
    if (flags[name as keyof SourceFlags] === undefined || needed === format) continue;
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw usageError(`--${flag} is for ${needed}, and this is ${format}`);
  }
}
