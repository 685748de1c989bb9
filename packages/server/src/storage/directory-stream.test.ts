import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { writeDirectoryStream } from "./directory-stream.ts";
import { StoreError } from "./store-error.ts";

const root = await mkdtemp(join(tmpdir(), "titan-directory-stream-"));
afterAll(() => rm(root, { recursive: true, force: true }));

let counter = 0;
function fresh(): string {
  counter += 1;
  return join(root, String(counter));
}

async function* stream(manifest: string, content: string, length?: number): AsyncGenerator<Uint8Array> {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(length ?? Buffer.byteLength(manifest));
  yield await Promise.resolve(Buffer.concat([head, Buffer.from(manifest + content)]));
}

test("the files of a stream are written as they came", async () => {
  const directory = fresh();
  const manifest = JSON.stringify([
    { name: "a", size: 3 },
    { name: "b.data", size: 2 },
  ]);
  await writeDirectoryStream(directory, stream(manifest, "abcde"));
  expect(await readFile(join(directory, "a"), "utf8")).toBe("abc");
  expect(await readFile(join(directory, "b.data"), "utf8")).toBe("de");
});

test.each([
  ["a manifest that is not JSON", "{", ""],
  ["one that is no list", "{}", ""],
  ["an entry that is nothing", "[null]", ""],
  ["a file named twice", '[{"name":"a","size":1},{"name":"a","size":1}]', "xy"],
  ["a name that leads out", '[{"name":"../a","size":1}]', "x"],
  ["a name longer than file systems allow", JSON.stringify([{ name: "x".repeat(5000), size: 1 }]), "x"],
  ["a size below zero", '[{"name":"a","size":-1}]', ""],
  ["a file that is cut off", '[{"name":"a","size":9}]', "x"],
  ["bytes after the last file", '[{"name":"a","size":1}]', "xy"],
])("%s is refused with a StoreError", async (_what, manifest, content) => {
  await expect(writeDirectoryStream(fresh(), stream(manifest, content))).rejects.toThrow(StoreError);
});

test("a manifest longer than what follows is refused", async () => {
  await expect(writeDirectoryStream(fresh(), stream("[]", "", 15 * 1024 * 1024))).rejects.toThrow(
    /ends too early/,
  );
});
