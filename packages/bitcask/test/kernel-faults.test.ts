import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Bitcask } from "../src/index.ts";

/** The kernel itself refuses calls of a real process, by way of strace. Skipped, visibly, where that is not possible. */
const canTrace = spawnSync("strace", ["-f", "-e", "trace=none", "true"]).status === 0;

/** Runs the scripted writer under strace with a fault; returns what it printed, line by line. */
function runWith(fault: string): { lines: string[]; directory: string } {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "bitcask-strace-"));
  const script = path.join(import.meta.dirname, "support", "faulted-writer.ts");
  const store = path.join(directory, "store");
  const result = spawnSync(
    "strace",
    [
      "-f",
      "-qq",
      "-o",
      "/dev/null",
      "-e",
      fault,
      process.execPath,
      "--conditions=@titan-kv/source",
      script,
      store,
    ],
    { encoding: "utf8", timeout: 60_000 },
  );
  return { lines: result.stdout.trim().split("\n"), directory };
}

describe.skipIf(!canTrace)("under strace", () => {
  it("a failed fdatasync stops writing, is never retried, keeps reads, and nothing acknowledged is lost", async () => {
    const { lines, directory } = runWith("inject=fdatasync:error=EIO:when=12+");
    expect(lines.some((line) => line.startsWith("failed SYNC_FAILED unknown"))).toBe(true);
    expect(lines.filter((line) => line.startsWith("failed SYNC_FAILED"))).toHaveLength(1);
    expect(lines.at(-1)).toMatch(/^read \d+ resumed SYNC_FAILED$/);
    await expectAllAcknowledged(lines, directory);
  });

  it("a full disk refuses writes with not-applied, keeps reads, and resume() goes on", async () => {
    const { lines, directory } = runWith("inject=pwrite64:error=ENOSPC:when=30..31");
    expect(lines.some((line) => line.startsWith("failed NO_SPACE not-applied"))).toBe(true);
    expect(lines.at(-1)).toMatch(/^read \d+ resumed ok$/);
    await expectAllAcknowledged(lines, directory);
  });
});

async function expectAllAcknowledged(lines: readonly string[], directory: string): Promise<void> {
  const acknowledged = lines.filter((line) => line.startsWith("put ")).map((line) => line.slice(4));
  expect(acknowledged.length).toBeGreaterThan(3);
  const db = await Bitcask.open(path.join(directory, "store"), { merge: { auto: false } });
  for (const key of acknowledged) expect(db.getSync(key)?.toString()).toBe(`value of ${key}`);
  for (const line of lines) {
    const [, key] = /^failed \S+ not-applied (\S+)/.exec(line) ?? [];
    expect(key === undefined ? undefined : db.getSync(key)).toBeUndefined();
  }
  await db.close();
  fs.rmSync(directory, { recursive: true, force: true });
}
