/** Where an export goes. Nothing that is half done stays behind under the name that was asked for. */
import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { finished } from "node:stream/promises";
import type { Entry } from "@titan-kv/client";
import { toJson } from "../output/printer.ts";
import { toJsonValue } from "../output/value-text.ts";
import { localError, usageError } from "../program/cli-error.ts";
import { type Terminal, writeOut } from "../program/terminal.ts";

type BytesEntry = Entry<Uint8Array>;

/** Takes entries page by page. */
export interface ExportTarget {
  /** Why this entry cannot go there; `undefined` when it has been taken. */
  add(entries: readonly BytesEntry[]): Promise<readonly { readonly key: string; readonly reason: string }[]>;
  /** Everything has been added: makes it durable under its name. */
  finish(): Promise<void>;
  /** Takes away what is not finished. */
  abandon(): Promise<void>;
}

/** An entry as a line that `titan import` reads. */
export function exportLine({ key, value, expiresAtMs }: BytesEntry): string {
  return `${toJson({ key, ...toJsonValue(value), ...(expiresAtMs === undefined ? {} : { expiresAtMs }) })}\n`;
}

function linesOf(entries: readonly BytesEntry[]): string {
  return entries.map(exportLine).join("");
}

/** Lines of JSON on standard output. */
export function stdoutTarget(terminal: Terminal): ExportTarget {
  return {
    add: async (entries) => {
      await writeOut(terminal, linesOf(entries));
      return [];
    },
    finish: () => Promise.resolve(),
    abandon: () => Promise.resolve(),
  };
}

/** A stream of lines that waits for what it is written to. */
class LineStream {
  readonly #stream: WriteStream;
  readonly #ended: Promise<void>;

  constructor(path: string) {
    this.#stream = createWriteStream(path);
    this.#ended = finished(this.#stream);
    // Whoever writes or finishes hears of it; nobody may be doing so when the disk fails.
    this.#ended.catch(() => undefined);
  }

  async write(text: string): Promise<void> {
    if (this.#stream.errored !== null) throw this.#stream.errored;
    if (!this.#stream.write(text)) await Promise.race([once(this.#stream, "drain"), this.#ended]);
  }

  async finish(): Promise<void> {
    this.#stream.end();
    await this.#ended;
  }

  destroy(): void {
    this.#stream.destroy();
  }
}

/** Lines of JSON to a pipe or a device, which must not be replaced by a file. */
function deviceTarget(path: string): ExportTarget {
  const lines = new LineStream(path);
  return {
    add: async (entries) => {
      await lines.write(linesOf(entries));
      return [];
    },
    finish: () => lines.finish(),
    abandon: () => {
      lines.destroy();
      return Promise.resolve();
    },
  };
}

/** Lines of JSON in a file, which has its name only when it is complete. */
export async function fileTarget(path: string): Promise<ExportTarget> {
  const existing = await stat(path).catch(() => undefined);
  if (existing?.isDirectory() === true) throw usageError(`${path} is a directory`, "say --format directory");
  if (existing !== undefined && !existing.isFile()) return deviceTarget(path);
  const partial = `${path}.partial`;
  const lines = new LineStream(partial);
  return {
    add: async (entries) => {
      await lines.write(linesOf(entries));
      return [];
    },
    finish: async () => {
      await lines.finish();
      await syncPath(partial);
      await rename(partial, path);
      await syncPath(dirname(resolve(path)));
    },
    abandon: async () => {
      lines.destroy();
      await rm(partial, { force: true });
    },
  };
}

/** Content must be durable before its name is; a name is durable when its directory is. */
async function syncPath(path: string): Promise<void> {
  if (process.platform === "win32") return;
  await using handle = await open(path);
  await handle.sync();
}

/** Why a key cannot be the path of a file inside a directory. */
function pathProblem(key: string): string | undefined {
  const names = key.split("/");
  if (names.some((name) => name === "" || name === "." || name === "..")) {
    return "it has an empty part, . or .. between slashes";
  }
  if (key.includes("\0")) return "it has a zero byte";
  const longest = Math.max(...names.map((name) => Buffer.byteLength(name)));
  return longest > 255 ? `a part has ${longest} bytes, file names have at most 255` : undefined;
}

/** A file per key below a directory that is empty or does not exist. @throws CliError otherwise. */
export async function directoryTarget(path: string): Promise<ExportTarget> {
  const existing = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw localError(`${path} cannot be used: ${error.message}`, error);
  });
  if (existing.length > 0) throw usageError(`${path} is not empty`, "export into a new directory");
  const partial = `${path.replace(/\/+$/, "")}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const writeEntry = async ({ key, value }: BytesEntry): Promise<string | undefined> => {
    const problem = pathProblem(key);
    if (problem !== undefined) return problem;
    const file = join(partial, key);
    try {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, value, { flag: "wx" });
      return undefined;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // `a` and `a/b` cannot both be files; nor can names that a file system holds to be the same.
      if (code === "EEXIST" || code === "EISDIR" || code === "ENOTDIR") {
        return "another key has the same path, or needs it to be a directory";
      }
      throw error;
    }
  };
  return {
    add: async (entries) => {
      const refused: { key: string; reason: string }[] = [];
      for (const entry of entries) {
        // oxlint-disable-next-line no-await-in-loop -- the order decides which of two keys gets the path
        const reason = await writeEntry(entry);
        if (reason !== undefined) refused.push({ key: entry.key, reason });
      }
      return refused;
    },
    finish: async () => {
      await rm(path, { recursive: true, force: true });
      await rename(partial, path);
    },
    abandon: () => rm(partial, { recursive: true, force: true }),
  };
}
