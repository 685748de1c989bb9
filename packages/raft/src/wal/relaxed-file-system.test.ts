import fs, { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EntryType } from "../core/entry.ts";
import { FileLog } from "./file-log.ts";
import { relaxedFileSystem } from "./relaxed-file-system.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "titan-relaxed-"));
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

function entry(index: number): { type: 0; index: number; term: number; data: Uint8Array } {
  return { type: EntryType.Normal, index, term: 1, data: Buffer.from(`command ${index}`) };
}

test("a log keeps what it was given across a restart of the process", async () => {
  const fileSystem = relaxedFileSystem({ onSyncFailure: () => undefined });
  const log = await FileLog.open({ directory, fileSystem });
  await log.append([{ group: 1, entries: [entry(1), entry(2)] }]);
  await log.close();
  const again = await FileLog.open({ directory, fileSystem });
  expect(again.reader(1).lastIndex()).toBe(2);
  await again.close();
});

test("with an interval, what was written reaches the disk by itself, and a failure is told", async () => {
  const failures: unknown[] = [];
  const fileSystem = relaxedFileSystem({ syncIntervalMs: 5, onSyncFailure: (error) => failures.push(error) });
  const path = join(directory, "file");
  const file = fileSystem.open(path, "create");
  await file.writeDurably(Buffer.from("abc"), 0);
  const descriptors = fs.readdirSync("/proc/self/fd").filter((fd) => targetOf(fd) === path);
  expect(descriptors).toHaveLength(2);
  // The descriptor is pulled away: the next sync has to fail, which shows that there is one.
  fs.closeSync(Math.max(...descriptors.map(Number)));
  await vi.waitFor(() => expect(failures).toHaveLength(1));
  expect(failures[0]).toMatchObject({ code: "EBADF" });
});

function targetOf(descriptor: string): string {
  try {
    return fs.readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return "";
  }
}
