/** Where an export goes. Nothing that is half done stays behind under the name that was asked for. */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
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

/** Lines of JSON in a file, which has its name only when it is complete. */
export function fileTarget(path: string): ExportTarget {
  const partial = `${path}.partial`;
  const stream = createWriteStream(partial, { flush: true });
  const ended = finished(stream);
  // Whoever writes or finishes hears of it; nobody may be doing so when the disk fails.
  ended.catch(() => undefined);
  return {
    add: async (entries) => {
      if (stream.errored !== null) throw stream.errored;
      if (!stream.write(linesOf(entries))) {
        await Promise.race([once(stream, "drain"), ended]);
      }
      return [];
    },
    finish: async () => {
      stream.end();
      await ended;
      await rename(partial, path);
      await syncDirectory(dirname(resolve(path)));
    },
    abandon: async () => {
      stream.destroy();
      await rm(partial, { force: true });
    },
  };
}

/** A rename is durable when the directory is. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  await using handle = await open(path);
  await handle.sync();
}

/** Why a key cannot be the path of a file inside a directory. */
export function pathProblem(key: string): string | undefined {
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
