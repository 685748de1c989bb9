import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readProgress, removeProgress, stateFileOf, writeProgress } from "./import-state.ts";
import { RejectsFile } from "./rejects-file.ts";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "titan-state-"));
});

afterAll(() => rm(directory, { recursive: true }));

const identity = { path: "/data/items.csv", version: "10-20-30", settings: "cluster" };
const progress = {
  position: "7",
  imported: 6,
  importedBytes: 60,
  rejected: 1,
  rejectsBytes: 30,
  sum: "0".repeat(64),
};

test("progress is found again by source, settings and cluster, as long as the source is the same", async () => {
  const file = stateFileOf(identity, { XDG_STATE_HOME: directory });
  expect(await readProgress(file, identity)).toBeUndefined();
  await writeProgress(file, identity, progress);
  expect(await readProgress(file, identity)).toMatchObject(progress);
  expect(await readProgress(file, { ...identity, version: "changed" })).toBeUndefined();
  expect(stateFileOf({ ...identity, settings: "another" }, { XDG_STATE_HOME: directory })).not.toBe(file);
  await writeFile(file, "not JSON");
  expect(await readProgress(file, identity)).toBeUndefined();
  await removeProgress(file);
  await removeProgress(file);
});

test("rejects that belong to items which will be read again are cut off", async () => {
  const path = join(directory, "rejects.ndjson");
  const first = new RejectsFile(path);
  await first.resume(0);
  await first.add([{ place: "line 1", reason: "bad" }]);
  const { bytes } = first;
  await first.add([{ place: "line 2", reason: "also bad" }]);
  await first.close();

  const second = new RejectsFile(path);
  await second.resume(bytes);
  await second.add([{ place: "line 2", reason: "still bad" }]);
  await second.close();
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { reason: string }).reason)).toEqual(["bad", "still bad"]);

  const third = new RejectsFile(path);
  await third.resume(0);
  await third.close();
  await expect(readFile(path)).rejects.toThrow("ENOENT");
});
