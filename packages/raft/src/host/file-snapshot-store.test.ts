import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { seeded, TestDisk } from "../../test/wal-disk.ts";
import { emptyConfiguration } from "../core/configuration.ts";
import { FileSnapshotStore } from "./file-snapshot-store.ts";

const metadata = { index: 10, term: 2, configuration: { ...emptyConfiguration, voters: [1, 2, 3] } };
const content = Uint8Array.from({ length: 1_200_000 }, (_, at) => (at * 7) % 251);

async function* chunks(bytes: Uint8Array, size = 100_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

test("a snapshot is read as it was written, from any offset, after a restart", async () => {
  const disk = new TestDisk();
  const store = await FileSnapshotStore.open("/snapshots", disk);
  await store.write(1, metadata, chunks(content));
  await store.write(2, { ...metadata, index: 11 }, chunks(new Uint8Array(0)));
  const again = await FileSnapshotStore.open(
    "/snapshots",
    disk.after("lost", () => 0),
  );
  expect(await again.list(1)).toEqual([metadata]);
  expect(await collect(again.read(1, 10, 0))).toEqual(content);
  expect(await collect(again.read(1, 10, 1_100_000))).toEqual(content.subarray(1_100_000));
  expect(await collect(again.read(2, 11, 0))).toEqual(new Uint8Array(0));
  await expect(collect(again.read(1, 11, 0))).rejects.toMatchObject({ code: "UNAVAILABLE" });
});

test("a crash at any call leaves the old snapshot or the new one", async () => {
  const small = content.subarray(0, 3000);
  const next = { ...metadata, index: 20 };
  const found = new Set<string>();
  for (let at = 1; at <= 20; at++) {
    for (const when of ["before", "during", "after"] as const) {
      const first = new TestDisk();
      await (await FileSnapshotStore.open("/snapshots", first)).write(1, metadata, chunks(small));
      const disk = first.copy();
      const store = await FileSnapshotStore.open("/snapshots", disk);
      disk.faultAt = disk.calls + at;
      disk.fault = { kind: "crash", when };
      const replace = async (): Promise<void> => {
        await store.write(1, next, chunks(small.toReversed()));
        await store.dropBefore(1, 20);
      };
      await replace().catch(() => undefined);
      for (const image of ["lost", "kept", "torn"] as const) {
        const again = await FileSnapshotStore.open("/snapshots", disk.after(image, seeded(at)));
        const [newest] = await again.list(1);
        const bytes = await collect(again.read(1, newest?.index ?? 0, 0));
        found.add(`${newest?.index} ${bytes[1] === small[1] ? "old" : "new"} ${bytes.length}`);
      }
    }
  }
  expect([...found].toSorted()).toEqual(["10 old 3000", "20 new 3000"]);
});

test("a snapshot with a changed byte is reported and not read", async () => {
  const disk = new TestDisk();
  const store = await FileSnapshotStore.open("/snapshots", disk);
  await store.write(1, metadata, chunks(content.subarray(0, 500)));
  const [name = ""] = disk.names();
  const problems: number[] = [];
  for (let at = 0; at < disk.bytes(name).length; at++) {
    const copy = disk.copy();
    const bytes = copy.bytes(name);
    bytes[at] = (bytes[at] ?? 0) ^ 4;
    const damaged = await FileSnapshotStore.open("/snapshots", copy);
    const read = collect(damaged.read(1, 10, 0)).then(
      () => "read",
      () => "refused",
    );
    if ((await read) !== "refused") problems.push(at);
  }
  expect(problems).toEqual([]);
});

async function* broken(): AsyncGenerator<Uint8Array> {
  yield content.subarray(0, 10);
  throw new Error("broken");
}

test("a source that fails leaves nothing behind", async () => {
  const disk = new TestDisk();
  const store = await FileSnapshotStore.open("/snapshots", disk);
  await expect(store.write(1, metadata, broken())).rejects.toThrow("broken");
  expect(disk.names()).toEqual([]);
});

test("the newest snapshot is the one of the highest index, whatever the names look like (hashicorp/raft #395)", async () => {
  const store = await FileSnapshotStore.open("/snapshots", new TestDisk());
  for (const [index, term] of [
    [9, 4],
    [100, 5],
    [20, 5],
  ] as const) {
    await store.write(1, { ...metadata, index, term }, chunks(content.subarray(0, index)));
  }
  expect((await store.list(1)).map(({ index }) => index)).toEqual([100, 20, 9]);
  await store.dropBefore(1, 20);
  expect((await store.list(1)).map(({ index }) => index)).toEqual([100, 20]);
});

test("a snapshot that is being read is read to its end, although it is dropped meanwhile (rqlite #1717)", async () => {
  const directory = mkdtempSync(join(tmpdir(), "titan-snapshots-"));
  const store = await FileSnapshotStore.open(directory);
  const large = Uint8Array.from({ length: 3 << 20 }, (_, at) => at % 253);
  await store.write(1, metadata, chunks(large));
  const reading = store.read(1, 10, 0);
  const first = await reading.next();
  await store.dropBefore(1, 11);
  expect(await store.list(1)).toEqual([]);
  const rest = await collect(reading);
  expect((first.value?.length ?? 0) + rest.length).toBe(large.length);
  rmSync(directory, { recursive: true });
});

test("two transfers of the same snapshot do not spoil each other's file", async () => {
  const disk = new TestDisk();
  const store = await FileSnapshotStore.open("/snapshots", disk);
  const givenUp = store.write(1, metadata, broken());
  await store.write(1, metadata, chunks(content.subarray(0, 5000)));
  await expect(givenUp).rejects.toThrow("broken");
  expect(await collect(store.read(1, 10, 0))).toEqual(content.subarray(0, 5000));
});
