import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bitcask, verifyStore, type OpenOptions } from "../src/index.ts";
import { goldenEntries } from "./support/golden-content.ts";

/** Stores written by format version 1.0 stay readable for ever; see make-golden.ts. */
let scratch = "";

beforeAll(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), "bitcask-golden-"));
});
afterAll(() => fs.rmSync(scratch, { recursive: true }));

function copyOf(name: string): string {
  const target = fs.mkdtempSync(path.join(scratch, `${name}-`));
  fs.cpSync(path.join(import.meta.dirname, "golden/v1", name), target, { recursive: true });
  return target;
}

async function contentOf(directory: string, options: OpenOptions): Promise<Map<string, string>> {
  const db = await Bitcask.open(directory, { ...options, merge: { auto: false } });
  const found = new Map<string, string>();
  for await (const { key, value } of db.entries())
    if (key.length !== 3 || key[1] !== 255) found.set(key.toString(), value.toString());
  expect(db.getSync(Buffer.from([0, 255, 128]))).toEqual(Buffer.from([1, 2, 3]));
  expect(Buffer.from(db.lastMeta() ?? [])).toEqual(Buffer.from([0xca, 0xfe]));
  expect(db.getEntrySync("versioned")?.version).toBe(7);
  expect(db.getEntrySync("both")).toMatchObject({
    version: Number.MAX_SAFE_INTEGER,
    expiresAtMs: 64_060_588_800_001,
  });
  await db.close();
  return found;
}

describe.each(["closed", "crashed"])("the golden store that was %s", (name) => {
  it.each([
    { how: "with hints", options: {} },
    { how: "for reading only", options: { readOnly: true } },
    { how: "with fingerprints", options: { keydir: "fingerprint" as const } },
  ])("is read $how", async ({ options }) => {
    expect(await contentOf(copyOf(name), options)).toEqual(goldenEntries);
  });

  it("is read without hints", async () => {
    const directory = copyOf(name);
    for (const file of fs.readdirSync(directory))
      if (file.endsWith(".hint")) fs.unlinkSync(path.join(directory, file));
    expect(await contentOf(directory, {})).toEqual(goldenEntries);
  });

  it("is sound", async () => {
    expect(await verifyStore(copyOf(name))).toMatchObject({ isSound: true, problems: [] });
  });
});
