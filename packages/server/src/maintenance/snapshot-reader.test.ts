import { slotOf } from "@titan-kv/ring";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { SnapshotRecord } from "../shard/restore-command.ts";
import { SnapshotError } from "./snapshot-error.ts";
import { RecordsBuilder, type ShardDescription, type SnapshotHeader } from "./snapshot-format.ts";
import { readSnapshot, type SnapshotSummary, verifySnapshot } from "./snapshot-reader.ts";
import { SnapshotWriter } from "./snapshot-writer.ts";

const half = 8192;

function description(shard: number, first: number, last: number): ShardDescription {
  return {
    shard,
    appliedIndex: 9,
    revision: 1000,
    logTimeMs: 5,
    sessionsThroughMs: 3,
    slots: [{ first, last }],
  };
}

const header: SnapshotHeader = {
  clusterId: "c",
  savedAtMs: 7,
  release: "0.0.0",
  shards: [description(1, 0, half - 1), description(2, half, 2 * half - 1)],
};

function record(key: string, value = "v", revision = 5, expiresAtMs = 0): SnapshotRecord {
  return { key: Buffer.from(key), value: Buffer.from(value), revision, expiresAtMs };
}

function inOrder(records: readonly SnapshotRecord[]): SnapshotRecord[] {
  return records.toSorted((a, b) => Buffer.compare(a.key, b.key));
}

function ofShard(records: readonly SnapshotRecord[], shard: number): SnapshotRecord[] {
  return records.filter(({ key }) => (slotOf(key) < half ? 1 : 2) === shard);
}

/** A file with these records, one block for each shard, whatever is wrong with them. */
function fileOf(
  records: readonly SnapshotRecord[],
  order: (records: readonly SnapshotRecord[]) => readonly SnapshotRecord[] = inOrder,
  shardOf: (records: readonly SnapshotRecord[], shard: number) => readonly SnapshotRecord[] = ofShard,
): Buffer {
  const writer = new SnapshotWriter();
  const parts = [writer.begin(header)];
  for (const { shard } of header.shards) {
    const builder = new RecordsBuilder();
    for (const each of order(shardOf(records, shard))) builder.add(each);
    const { keys } = builder;
    if (keys > 0) parts.push(writer.records(builder.take()));
    parts.push(writer.endShard({ shard, keys }));
  }
  return Buffer.concat([...parts, writer.end()]);
}

async function* pieces(file: Uint8Array, bytes = file.length): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.length; at += bytes) yield file.subarray(at, at + bytes);
}

function verify(file: Uint8Array, pieceBytes?: number): Promise<SnapshotSummary> {
  return verifySnapshot(pieces(file, pieceBytes));
}

/** Records in a form that can be compared. */
function plain(records: readonly SnapshotRecord[]): unknown[] {
  return inOrder(records).map(({ key, value, revision, expiresAtMs }) => [
    Buffer.from(key).toString(),
    Buffer.from(value).toString("hex"),
    revision,
    expiresAtMs,
  ]);
}

const few = ["a", "b", "c", "d", "e"].map((key, index) =>
  record(key, `value ${index}`, index + 1, index * 7),
);

test("what is written is read, in pieces of any size", async () => {
  const values = fc.uint8Array({ maxLength: 40 });
  const numbers = fc.integer({ min: 1, max: 1000 });
  const entries = fc.dictionary(
    fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }),
    fc.tuple(values, numbers),
  );
  await fc.assert(
    fc.asyncProperty(entries, fc.integer({ min: 1, max: 500 }), async (dictionary, pieceBytes) => {
      const records = Object.entries(dictionary).map(([key, [value, revision]]) => ({
        key: Buffer.from(key),
        value,
        revision,
        expiresAtMs: revision * 1_000_000_000,
      }));
      const found: SnapshotRecord[] = [];
      let summary: SnapshotSummary | undefined;
      for await (const part of readSnapshot(pieces(fileOf(records), pieceBytes))) {
        if (part.type === "records") found.push(...part.records);
        if (part.type === "end") ({ summary } = part);
      }
      expect(plain(found)).toEqual(plain(records));
      expect(summary).toMatchObject({ ...header, keys: records.length });
    }),
    { numRuns: 100 },
  );
});

test("every bit of every byte counts", async () => {
  const file = fileOf(few);
  expect(await verify(file)).toMatchObject({ keys: few.length, bytes: file.length });
  for (let at = 0; at < file.length; at += 1) {
    const bit = 1 << (at % 8);
    for (const flip of [bit, 0xff]) {
      const damaged = Buffer.from(file);
      damaged[at]! ^= flip;
      // oxlint-disable-next-line no-await-in-loop -- thousands at once gain nothing
      await expect(verify(damaged), `byte ${at} ^ ${flip}`).rejects.toThrow(SnapshotError);
    }
  }
});

test("a file that is cut anywhere, or goes on after its end, is not a snapshot", async () => {
  const file = fileOf(few);
  for (let length = 0; length < file.length; length += 1) {
    // oxlint-disable-next-line no-await-in-loop -- as above
    await expect(verify(file.subarray(0, length)), `cut at ${length}`).rejects.toThrow(SnapshotError);
  }
  await expect(verify(Buffer.concat([file, Buffer.of(0)]))).rejects.toThrow(/something follows its end/);
  await expect(verify(Buffer.concat([file, file]))).rejects.toThrow(/something follows its end/);
});

test("blocks that are sound by themselves make no snapshot when they do not belong together", async () => {
  const swapped = [...few];
  await expect(verify(fileOf(swapped, (list) => inOrder(list).toReversed()))).rejects.toThrow(/out of order/);
  await expect(verify(fileOf(few, inOrder, (list, shard) => ofShard(list, 3 - shard)))).rejects.toThrow(
    /not its own/,
  );
  await expect(verify(fileOf([record("a", "v", 1001)]))).rejects.toThrow(/newer than its shard/);
  await expect(verify(fileOf([record("a"), record("a")]))).rejects.toThrow(/out of order/);
});

test("a shard that has not all the records that its end announces is not whole", async () => {
  const writer = new SnapshotWriter();
  const parts = [writer.begin(header), writer.endShard({ shard: 1, keys: 1 })];
  await expect(verify(Buffer.concat(parts))).rejects.toThrow(/shard 1 is not whole/);
});

test("the parts of two files cannot be put together", async () => {
  const [one, other] = [fileOf(few), fileOf(few.map((each) => ({ ...each, value: Buffer.from("other 0") })))];
  expect(one.length).toBe(other.length);
  const middle = one.length - 120;
  await expect(verify(Buffer.concat([one.subarray(0, middle), other.subarray(middle)]))).rejects.toThrow(
    SnapshotError,
  );
});

test("a header whose shards do not own every slot once is refused", async () => {
  const writer = new SnapshotWriter();
  const shards = [description(1, 0, half), description(2, half, 2 * half - 1)];
  const begin = writer.begin({ ...header, shards });
  await expect(verify(begin)).rejects.toThrow(/slot 8192 belongs to 2 of its shards/);
});
