/** No input makes a reader fail, lose count, or go on at the wrong place. `TITAN_SEED=… vitest run` replays a run. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { csvReader } from "./csv-reader.ts";
import { exportLine } from "./export-target.ts";
import { ndjsonReader, parseLine } from "./ndjson-reader.ts";
import { problemWith, type SourceItem, type SourceReader } from "./record.ts";

const seed = process.env["TITAN_SEED"] === undefined ? {} : { seed: Number(process.env["TITAN_SEED"]) };
const parameters = { ...seed, numRuns: 300 };

async function all(read: SourceReader, after?: string): Promise<SourceItem[]> {
  const items: SourceItem[] = [];
  for await (const item of read(after)) items.push(item);
  return items;
}

function source(bytes: Uint8Array, pieceBytes: number): () => AsyncIterable<Uint8Array> {
  return async function* pieces() {
    for (let start = 0; start < bytes.length; start += pieceBytes) {
      yield await Promise.resolve(bytes.subarray(start, start + pieceBytes));
    }
  };
}

/** Bytes that look like what a reader expects often enough to reach every part of it. */
function nearly(fragments: readonly string[]): fc.Arbitrary<Uint8Array> {
  const fragment = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...fragments).map((text) => Buffer.from(text)) },
    { weight: 2, arbitrary: fc.string({ unit: "binary" }).map((text) => Buffer.from(text)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)) },
  );
  return fc.array(fragment, { maxLength: 40 }).map((parts) => Buffer.concat(parts));
}

async function readsAnything(
  reader: (open: () => AsyncIterable<Uint8Array>) => SourceReader,
  bytes: Uint8Array,
  pieceBytes: number,
  cut: number,
): Promise<void> {
  const whole = await all(reader(source(bytes, pieceBytes)));
  for (const { found } of whole) {
    if (found.type === "record") expect(problemWith(found.record)).toBeUndefined();
    if (found.type === "reject") {
      expect(found.reject.reason).not.toBe("");
      expect(() => JSON.parse(JSON.stringify(found.reject)) as unknown).not.toThrow();
    }
  }
  if (whole.length === 0) return;
  const at = cut % whole.length;
  const rest = await all(reader(source(bytes, bytes.length)), whole[at]!.position);
  expect(rest.map(({ position, found }) => ({ position, found }))).toEqual(
    whole.slice(at + 1).map(({ position, found }) => ({ position, found })),
  );
}

test("lines of JSON: whatever is in them, every line is a record, a reject or nothing", async () => {
  const fragments = [
    '{"key":"a","value":"b"}',
    '{"key":"a",',
    '"base64":"AA=="}',
    "\n",
    "\r\n",
    "{",
    "}",
    '"',
    "\\u",
    "null",
  ];
  const run = fc.assert(
    fc.asyncProperty(nearly(fragments), fc.integer({ min: 1, max: 50 }), fc.nat(), (bytes, pieceBytes, cut) =>
      readsAnything((open) => ndjsonReader(open), bytes, pieceBytes, cut),
    ),
    parameters,
  );
  await expect(run).resolves.toBeUndefined();
});

test("tables: whatever is in them, every row is a record or a reject", async () => {
  const fragments = ["a,b", ",", '"', '""', "\n", "\r\n", "x", '"quoted, cell"', "é"];
  const run = fc.assert(
    fc.asyncProperty(nearly(fragments), fc.integer({ min: 1, max: 50 }), fc.nat(), (body, pieceBytes, cut) =>
      readsAnything(
        (open) => csvReader(open),
        Buffer.concat([Buffer.from("key,value\n"), body]),
        pieceBytes,
        cut,
      ),
    ),
    parameters,
  );
  await expect(run).resolves.toBeUndefined();
});

test("what an export writes, an import reads as the same key, value and expiry", () => {
  const origin = { shard: 1, epoch: 1, term: 1, revision: 1, node: 1 };
  const expiry = fc.option(fc.integer({ min: 1, max: 2 ** 45 }), { nil: undefined });
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", minLength: 1 }),
      fc.uint8Array(),
      expiry,
      (key, value, expiresAtMs) => {
        const line = exportLine({ key, value, revision: 1, expiresAtMs, origin }).slice(0, -1);
        const found = parseLine({ number: 1, bytes: Buffer.from(line) }, {});
        expect(found).toEqual({
          type: "record",
          place: "line 1",
          record: { key, value: Buffer.from(value), ...(expiresAtMs === undefined ? {} : { expiresAtMs }) },
        });
      },
    ),
    parameters,
  );
});

function quoted(bytes: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from('"'),
    ...[...bytes].map((byte) => Buffer.from(byte === 0x22 ? [0x22, 0x22] : [byte])),
    Buffer.from('"'),
  ]);
}

test("cells of any bytes survive quoting", async () => {
  const cell = fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes));
  await fc.assert(
    fc.asyncProperty(
      fc.array(cell, { maxLength: 20 }),
      fc.integer({ min: 1, max: 20 }),
      async (values, pieceBytes) => {
        const rows = values.flatMap((value, index) => [
          Buffer.from(`k${index},`),
          quoted(value),
          Buffer.from("\r\n"),
        ]);
        const items = await all(
          csvReader(source(Buffer.concat([Buffer.from("key,value\n"), ...rows]), pieceBytes)),
        );
        expect(items.map(({ found }) => found)).toEqual(
          values.map((value, index) => ({
            type: "record",
            place: expect.any(String) as unknown,
            record: { key: `k${index}`, value },
          })),
        );
      },
    ),
    parameters,
  );
});
