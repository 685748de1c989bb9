/**
 * Records in the files of a directory: the key is the path from the directory, with slashes; the value is the file.
 * Files come in the order of their paths' bytes, so that a reading can go on where an earlier one stopped. Links are not
 * followed, since they lead out of the directory or around in it.
 */
import { isUtf8 } from "node:buffer";
import type { Dirent } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { matchesAny } from "./glob.ts";
import { judge, maxValueBytes, type SourceItem, type SourceReader } from "./record.ts";

/** Which files. */
export interface DirectoryOptions {
  /** Only files whose path or name matches one of these; none means all. */
  readonly include?: readonly string[] | undefined;
}

type Entry = Dirent<Buffer>;

/** Directories sort as their contents do, with a slash behind. */
function sortKey(entry: Entry): Buffer {
  return entry.isDirectory() ? Buffer.concat([entry.name, Buffer.from("/")]) : entry.name;
}

/** A directory all of whose paths come before the position need not be opened. */
function isBefore(path: Buffer, after: Buffer | undefined): boolean {
  return after !== undefined && path.compare(after) <= 0 && !after.subarray(0, path.length).equals(path);
}

async function* filesIn(
  root: string,
  relative: Buffer,
  after: Buffer | undefined,
): AsyncGenerator<{ path: Buffer; error?: Error }, void, undefined> {
  const location = Buffer.concat([Buffer.from(`${root}/`), relative]);
  let entries: Entry[];
  try {
    entries = await readdir(location, { withFileTypes: true, encoding: "buffer" });
  } catch (error) {
    if (relative.length === 0) throw error;
    yield { path: relative, error: error as Error };
    return;
  }
  for (const entry of entries.toSorted((one, other) => sortKey(one).compare(sortKey(other)))) {
    const path = Buffer.concat([relative, sortKey(entry)]);
    if (isBefore(path, after)) continue;
    if (entry.isDirectory()) yield* filesIn(root, path, after);
    else if (entry.isFile() && (after === undefined || path.compare(after) > 0)) yield { path };
  }
}

async function readRecord(root: string, path: Buffer): Promise<SourceItem["found"]> {
  const key = path.toString("utf8");
  const place = isUtf8(path) ? key : path.toString("latin1");
  const reject = (reason: string): SourceItem["found"] => ({ type: "reject", reject: { place, reason } });
  if (!isUtf8(path)) return reject("the path is not UTF-8 and cannot be a key");
  try {
    const location = Buffer.concat([Buffer.from(`${root}/`), path]);
    const { size } = await stat(location);
    if (size > maxValueBytes) return reject(`the file has ${size} bytes, the limit is ${maxValueBytes}`);
    return judge(place, { key, value: await readFile(location) });
  } catch (error) {
    return reject(`cannot be read: ${(error as Error).message}`);
  }
}

/** Reads a directory. */
export function directoryReader(root: string, { include = [] }: DirectoryOptions = {}): SourceReader {
  return async function* read(after): AsyncGenerator<SourceItem, void, undefined> {
    let bytesRead = 0;
    const from = after === undefined ? undefined : Buffer.from(after, "base64");
    for await (const { path, error } of filesIn(root, Buffer.alloc(0), from)) {
      const text = path.toString("utf8");
      if (error === undefined && !matchesAny(text, include)) continue;
      const found: SourceItem["found"] =
        error === undefined
          ? await readRecord(root, path)
          : { type: "reject", reject: { place: text, reason: `cannot be read: ${error.message}` } };
      if (found.type === "record") bytesRead += found.record.value.length;
      // Names need not be text, and state files are.
      yield { position: path.toString("base64"), bytesRead, found };
    }
  };
}
