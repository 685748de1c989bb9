import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EntryType } from "../core/entry.ts";
import { FileLog } from "./file-log.ts";

const command = fileURLToPath(new URL("inspect.ts", import.meta.url));
let directory: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "titan-wal-inspect-"));
  const log = await FileLog.open({ directory, segmentBytes: 16 << 10 });
  const data = new TextEncoder().encode("put a");
  for (let index = 1; index <= 3; index++) {
    const entries = [{ type: EntryType.Normal, term: 1, index, data }];
    await log.append([{ group: 4, entries, hardState: { term: 1, vote: 2, commit: index - 1 } }]);
  }
  await log.append([{ group: 5, hardState: { term: 1, vote: 1, commit: 0 } }]);
  await log.append([{ group: 5, remove: true }]);
  await log.close();
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function run(...args: string[]): { readonly status: number | null; readonly output: string } {
  const { status, stdout } = spawnSync(
    process.execPath,
    ["--conditions=@titan-kv/source", command, ...args],
    {
      encoding: "utf8",
    },
  );
  return { status, output: stdout };
}

test("verify says what each group holds, and that all is well", () => {
  const { status, output } = run("verify", directory);
  expect(output).toContain(
    "group 4: entries 1 to 3 (15 bytes), term 1, vote 2, commit 2, snapshot 0@0\nremoved groups: 5\nsound\n",
  );
  expect(status).toBe(0);
  expect(JSON.parse(run("verify", "--json", directory).output)).toMatchObject({
    groups: [{ group: 4, lastIndex: 3 }],
    damage: [],
  });
});

test("dump prints the records of one group", () => {
  const { output } = run("dump", "--group", "4", directory);
  expect(output.split("\n").filter((line) => line.startsWith("  "))).toEqual([
    "  group 4 created",
    "  group 4 entries: 1@1 (5 bytes)",
    "  group 4 hard state: term 1, vote 2, commit 0",
    "  group 4 entries: 2@1 (5 bytes)",
    "  group 4 hard state: term 1, vote 2, commit 1",
    "  group 4 entries: 3@1 (5 bytes)",
    "  group 4 hard state: term 1, vote 2, commit 2",
  ]);
});

test("damage is named, and is the exit status", () => {
  const path = join(directory, "0000000001.wal");
  const bytes = readFileSync(path);
  const at = bytes.indexOf("put a");
  bytes[at] = 0;
  writeFileSync(path, bytes);
  const { status, output } = run("verify", directory);
  expect(output).toContain("entry 1 of group 4 does not match its checksum; affected: group 4\n");
  expect(output).toMatch(/\ndamaged\n$/u);
  expect(status).toBe(1);
});

test("wrong usage is explained", () => {
  expect(run().status).toBe(2);
  expect(run("verify", join(directory, "nowhere")).status).toBe(2);
  expect(
    execFileSync(process.execPath, ["--conditions=@titan-kv/source", command, "--help"], {
      encoding: "utf8",
    }),
  ).toContain("titan-wal verify");
});
