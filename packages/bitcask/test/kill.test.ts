import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Bitcask } from "../src/index.ts";
import { Random } from "./support/random.ts";

/** Real processes, a real disk, SIGKILL at any moment, with merges and rotations going on. `BITCASK_KILLS=500` for more. */
const kills = Number(process.env["BITCASK_KILLS"] ?? 24);
const seed = Number(process.env["BITCASK_SEED"] ?? Date.now() % 1_000_000);
let directory = "";

beforeAll(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "bitcask-kill-"));
});

afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

/** Runs a writer, kills it, and returns the lines it got to report. */
async function runAndKill(store: string, first: number, afterMs: number): Promise<string[]> {
  const script = path.join(import.meta.dirname, "support", "killed-writer.ts");
  const child = spawn(process.execPath, ["--conditions=@titan-kv/source", script, store, String(first)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (piece: string) => {
    if (output === "") setTimeout(() => child.kill("SIGKILL"), afterMs);
    output += piece;
  });
  await new Promise((resolve) => child.once("close", resolve));
  expect(child.signalCode).toBe("SIGKILL");
  return output.split("\n").slice(1, -1);
}

it(`loses nothing acknowledged to ${kills} kills (seed ${seed})`, { timeout: 600_000 }, async () => {
  const random = new Random(seed);
  const acknowledged = new Map<string, number>();
  const store = path.join(directory, "store");
  let next = 0;
  let reports = 0;
  for (let round = 0; round < kills; round++) {
    const lines = await runAndKill(store, next, random.below(60));
    for (const line of lines) {
      const [kind, key = "", number = "0"] = line.split(" ");
      for (const name of kind === "twin" ? [key, `${key}-twin`] : [key]) {
        acknowledged.set(name, Math.max(acknowledged.get(name) ?? -1, Number(number)));
      }
      reports++;
    }
    const db = await Bitcask.open(store, { merge: { auto: false } });
    for (const [key, number] of acknowledged) {
      const found = Number.parseInt(db.getSync(key)?.toString() ?? "-1", 10);
      expect(found, `${key} in round ${round}`).toBeGreaterThanOrEqual(number);
      next = Math.max(next, found + 1);
    }
    // A batch is there as a whole or not at all: a twin is never newer than the key it was written with.
    for (const key of [...acknowledged.keys()].filter((name) => name.endsWith("-twin"))) {
      const twin = Number.parseInt(db.getSync(key)?.toString() ?? "-1", 10);
      const plain = Number.parseInt(db.getSync(key.slice(0, -5))?.toString() ?? "-1", 10);
      expect(plain).toBeGreaterThanOrEqual(twin);
    }
    await db.close();
    next += 100;
  }
  expect(reports).toBeGreaterThan(kills);
});
