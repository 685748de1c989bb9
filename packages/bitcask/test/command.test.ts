import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bitcask } from "../src/index.ts";

/** The command as people run it. */
let scratch = "";
let store = "";

beforeAll(async () => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), "bitcask-command-"));
  store = path.join(scratch, "store");
  const db = await Bitcask.open(store, { merge: { auto: false } });
  for (let index = 0; index < 20; index++) await db.put(`key-${index % 10}`, `value-${index}`);
  await db.put(Buffer.from([255]), Buffer.from([254]));
  await db.close();
});
afterAll(() => fs.rmSync(scratch, { recursive: true }));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const main = path.join(import.meta.dirname, "../src/cli/main.ts");
  return spawnSync(process.execPath, ["--conditions=@titan-kv/source", main, ...args], { encoding: "utf8" });
}

describe("bitcask", () => {
  it("explains itself, and exits with 2 when a command makes no sense", () => {
    expect(run("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("Usage: bitcask") });
    for (const args of [
      [],
      ["stats"],
      ["unknown", store],
      ["stats", store, "more"],
      ["dump", store, "--limit", "x"],
      ["dump", "--wrong"],
    ]) {
      expect(run(...args)).toMatchObject({ status: 2, stderr: expect.stringContaining("Usage: bitcask") });
    }
  });

  it("stats tells what is in a store, also while it is open", async () => {
    const db = await Bitcask.open(store, { merge: { auto: false } });
    expect(run("stats", store).stdout).toMatch(/^keys +11$/m);
    expect(JSON.parse(run("stats", store, "--json").stdout)).toMatchObject({ keys: 11, files: 1 });
    await db.close();
  });

  it("dump prints one JSON object a line, bytes that are no text included", () => {
    const lines = run("dump", store)
      .stdout.trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    expect(lines).toHaveLength(11);
    expect(lines[0]).toMatchObject({ key: "key-0", value: "value-10" });
    expect(lines.at(-1)).toMatchObject({ key: { base64: "/w==" }, value: { base64: "/g==" } });
    expect(run("dump", store, "--keys", "--prefix", "key-3").stdout).toBe('{"key":"key-3"}\n');
    expect(run("dump", store, "--limit", "2").stdout.trim().split("\n")).toHaveLength(2);
  });

  it("merge, verify and repair do what they say, and errors come with their code", async () => {
    expect(run("merge", store)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^merged 1 file into 1, .* won back/),
    });
    expect(run("verify", store)).toMatchObject({ status: 0, stdout: expect.stringContaining("sound") });
    const file = fs.readdirSync(store).find((name) => name.endsWith(".data")) ?? "";
    const bytes = fs.readFileSync(path.join(store, file));
    bytes.write("VALUE", bytes.indexOf("value-13"));
    fs.writeFileSync(path.join(store, file), bytes);
    expect(run("verify", store)).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/damage: \d+\.data at byte \d+/),
    });
    expect(run("repair", store)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('lost in this file: "key-3"'),
    });
    expect(run("verify", store).status).toBe(0);
    const db = await Bitcask.open(store, { merge: { auto: false } });
    expect(run("merge", store)).toMatchObject({ status: 1, stderr: expect.stringMatching(/^LOCKED: /) });
    await db.close();
    expect(run("stats", path.join(scratch, "nowhere"), "--json")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('"DIRECTORY_MISSING"'),
    });
  });
});
