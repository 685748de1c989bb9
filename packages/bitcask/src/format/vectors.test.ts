import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { crc32 } from "node:zlib";
import { checksum } from "./checksum.ts";
import { decodeBatchEnd, encodeBatchEnd } from "./batch-end.ts";
import { decodeFileHeader, encodeFileHeader, seedOf } from "./file-header.ts";
import { decodeFrame, encodeFrame, type ManifestOperation } from "./manifest-edit.ts";
import { decodeKeyBounds, encodeKeyBounds, isWithin } from "./range-delete.ts";
import { RecordCursor, recordSeed, sealRecord, writeRecordHead } from "./record.ts";

/** The worked example of FORMAT.md, read from there: the document and the code cannot drift apart. */
function workedExample(): Buffer {
  const text = fs.readFileSync(path.join(import.meta.dirname, "../../FORMAT.md"), "utf8");
  const lines = [...text.matchAll(/^[0-9a-f]{8} {2}((?:[0-9a-f]{2} ){16})/gm)].map((match) => match[1] ?? "");
  return Buffer.from(lines.join("").replaceAll(" ", ""), "hex");
}

const header = {
  kind: "log",
  storeId: Uint8Array.from({ length: 16 }, (_, index) => index),
  fileId: 1,
  salt: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]),
  createdAtMs: 1_700_000_000_000,
} as const;

describe("the worked example of FORMAT.md", () => {
  it("is what the code writes", () => {
    const encoded = encodeFileHeader(header);
    const record = Buffer.alloc(32);
    const view = new DataView(record.buffer, record.byteOffset, record.length);
    const head = { seq: 1, type: 1, flags: 0, keyLength: 3, valueLength: 5, expiresAtMs: 0, version: 0 };
    record.write("keyvalue", writeRecordHead(view, 0, head));
    sealRecord(record, view, { start: 0, end: 32, seed: recordSeed(seedOf(encoded), 64) });
    expect(Buffer.concat([encoded, record]).toString("hex")).toBe(workedExample().toString("hex"));
  });

  it("is read back as what it says", () => {
    const bytes = workedExample();
    expect(decodeFileHeader(bytes, { file: "example", readOnly: true })).toEqual(header);
    const cursor = new RecordCursor().attach(bytes);
    cursor.moveTo(64);
    const seed = recordSeed(seedOf(bytes), 64);
    expect([cursor.headIsValid(seed), cursor.bodyIsValid(seed), cursor.end, cursor.seq]).toEqual([
      true,
      true,
      96,
      1,
    ]);
    expect([Buffer.from(cursor.key).toString(), Buffer.from(cursor.value).toString()]).toEqual([
      "key",
      "value",
    ]);
  });

  it("does not validate at another offset, nor in another file", () => {
    const bytes = workedExample();
    const cursor = new RecordCursor().attach(bytes);
    cursor.moveTo(64);
    for (const seed of [recordSeed(seedOf(bytes), 65), recordSeed(seedOf(bytes) + 1, 64), 0]) {
      expect([cursor.headIsValid(seed), cursor.bodyIsValid(seed)]).toEqual([false, false]);
    }
  });
});

describe("checksums", () => {
  it("are those of zlib for every length, start and seed, on both sides of the switch to native code", () => {
    const bytes = Buffer.from(Array.from({ length: 300 }, (_, index) => (index * 131) & 0xff));
    for (let length = 0; length <= 200; length++) {
      for (const [start, seed] of [
        [0, 0],
        [7, 0xdead_beef],
        [99, 0xffff_ffff],
      ] as const) {
        expect(checksum(bytes, start, start + length, seed)).toBe(
          crc32(bytes.subarray(start, start + length), seed),
        );
      }
    }
  });

  it("never take zeros for a record, whatever the seed", () => {
    const cursor = new RecordCursor().attach(Buffer.alloc(24));
    cursor.moveTo(0);
    for (let seed = 0; seed < 0xffff_ffff; seed += 0x0fff_fff1) expect(cursor.headIsValid(seed)).toBe(false);
  });
});

describe("manifest edits", () => {
  const operations: ManifestOperation[] = [
    { op: "add", fileId: 7, kind: "merged", salt: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]) },
    { op: "seal", fileId: 7, size: 2 ** 39, minSeq: 1, maxSeq: 2 ** 48 - 1, records: 5 },
    { op: "end", fileId: 6, size: 4096 },
    { op: "remove", fileId: 3 },
    { op: "nextFileId", fileId: 9 },
    { op: "lastSeq", seq: 77 },
    { op: "meta", seq: 76, meta: Uint8Array.from([9, 9]) },
  ];

  it("come back as they were", () => {
    const frame = encodeFrame(operations, { fileSeed: 5, offset: 0 });
    expect(decodeFrame(frame, { fileSeed: 5, offset: 0 })).toEqual({ operations, end: frame.length });
  });

  it("are refused when cut anywhere, changed anywhere, or at another offset", () => {
    const frame = encodeFrame(operations, { fileSeed: 5, offset: 0 });
    for (let at = 0; at < frame.length; at++) {
      expect(decodeFrame(frame.subarray(0, at), { fileSeed: 5, offset: 0 })).toBeUndefined();
      const changed = Buffer.from(frame);
      changed[at] = (changed[at] ?? 0) ^ 4;
      expect(decodeFrame(changed, { fileSeed: 5, offset: 0 })).toBeUndefined();
    }
    expect(decodeFrame(frame, { fileSeed: 6, offset: 0 })).toBeUndefined();
  });
});

describe("small values", () => {
  it("tell empty commit metadata from none", () => {
    expect(decodeBatchEnd(encodeBatchEnd(3, undefined))).toMatchObject({ operations: 3, meta: undefined });
    expect(decodeBatchEnd(encodeBatchEnd(3, new Uint8Array(0)))).toMatchObject({
      operations: 3,
      meta: new Uint8Array(0),
    });
    expect(decodeBatchEnd(new Uint8Array(13))).toBeUndefined();
  });

  it("keep the bounds of a range delete, open or not", () => {
    const [a, b] = [Uint8Array.from([97]), Uint8Array.from([98])];
    for (const gte of [undefined, new Uint8Array(0), a]) {
      for (const lt of [undefined, b])
        expect(decodeKeyBounds(encodeKeyBounds({ gte, lt }))).toEqual({ gte, lt });
    }
    expect([
      isWithin(a, { gte: a, lt: b }),
      isWithin(b, { gte: a, lt: b }),
      isWithin(b, { gte: a, lt: undefined }),
    ]).toEqual([true, false, true]);
  });
});
