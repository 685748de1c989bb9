import { expect, test } from "vitest";
import { type Entry, EntryType } from "../core/entry.ts";
import { LogBuffer } from "./log-buffer.ts";
import { RecordType } from "./format.ts";
import { decodeEntry, decodeRecord } from "./record-decoder.ts";
import {
  writeCompact,
  writeEntries,
  writeHardState,
  writeMark,
  writeSnapshot,
  writeState,
} from "./record-encoder.ts";

const configuration = {
  index: 8,
  voters: [1, 2, 3],
  votersOutgoing: [2, 3, 4],
  learners: [7],
  learnersNext: [4],
  autoLeave: true,
};
const metadata = { index: 2 ** 40, term: 3, configuration };
const hardState = { term: 5, vote: 2, commit: 2 ** 53 - 1 };

function hexOf(write: (buffer: LogBuffer) => unknown): string {
  const buffer = new LogBuffer();
  write(buffer);
  return Buffer.from(buffer.written()).toString("hex");
}

const members =
  "0800000000000000" + // the configuration's index
  "01000000" + // leaves by itself
  "03000000030000000100000001000000" + // counts
  "010000000000000002000000000000000300000000000000" +
  "020000000000000003000000000000000400000000000000" +
  "0700000000000000" +
  "0400000000000000";
const metadataHex = `00000000000100000300000000000000${members}`;
const hardStateHex = "05000000000000000200000000000000ffffffffffff1f00";

/** Every record type, and its bytes in version 1 without the checksum: what was written once must stay readable. */
const golden: readonly [string, (buffer: LogBuffer) => unknown, string][] = [
  [
    "created",
    (buffer) => writeMark(buffer, 9, RecordType.Created),
    `010000000900000000000000${"00".repeat(16)}`,
  ],
  [
    "removed",
    (buffer) => writeMark(buffer, 9, RecordType.Removed),
    `020000000900000000000000${"00".repeat(16)}`,
  ],
  [
    "hardState",
    (buffer) => writeHardState(buffer, 9, hardState),
    `0300000009000000000000001800000000000000${"00".repeat(8)}${hardStateHex}`,
  ],
  [
    "snapshot",
    (buffer) => writeSnapshot(buffer, 9, metadata),
    `0500000009000000000000006c000000000000000000000000010000${metadataHex}`,
  ],
  [
    "compact",
    (buffer) => writeCompact(buffer, 9, { through: 77, throughTerm: 2, metadata }),
    `06000000090000000000000074000000000000004d000000000000000200000000000000${metadataHex}`,
  ],
  [
    "state",
    (buffer) =>
      writeState(buffer, 9, { keepsEntries: true, through: 77, throughTerm: 2, hardState, metadata }),
    `0700000009000000000000008c000000000000004d000000000000000200000000000000${hardStateHex}${metadataHex}`,
  ],
  [
    "restart",
    (buffer) =>
      writeState(buffer, 9, { keepsEntries: false, through: 77, throughTerm: 2, hardState, metadata }),
    `0800000009000000000000008c000000000000004d000000000000000200000000000000${hardStateHex}${metadataHex}`,
  ],
];

test.each(golden)("a record of type %s has the bytes of version 1", (_, write, expected) => {
  expect(hexOf(write).slice(8)).toBe(expected);
});

test.each(golden)(
  "a record of type %s is read back, and refused when any byte of it has changed",
  (name, write) => {
    const bytes = Buffer.from(hexOf(write), "hex");
    const decoded = decodeRecord(bytes, 0, bytes.length);
    expect(decoded).toMatchObject({ ok: true, next: bytes.length });
    expect(JSON.stringify(decoded)).toContain(name === "restart" ? "state" : name);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0x40;
      expect(decodeRecord(damaged, 0, damaged.length).ok).toBe(false);
    }
  },
);

const entries: Entry[] = [
  { type: EntryType.Normal, term: 2 ** 50, index: 300, data: new Uint8Array(0) },
  { type: EntryType.ConfChange, term: 2 ** 50, index: 301, data: Uint8Array.of(1, 2, 3) },
];

test("entries are read back", () => {
  const buffer = new LogBuffer();
  writeEntries(buffer, 9, entries);
  const decoded = decodeRecord(buffer.written(), 0, buffer.length);
  expect(decoded).toEqual({
    ok: true,
    next: buffer.length,
    record: {
      kind: "entries",
      group: 9,
      first: 300,
      entries: [
        { type: EntryType.Normal, term: 2 ** 50, offset: 32, dataBytes: 0 },
        { type: EntryType.ConfChange, term: 2 ** 50, offset: 48, dataBytes: 3 },
      ],
    },
  });
});

test("an entry is refused in any other place than its own", () => {
  const buffer = new LogBuffer();
  const at = writeEntries(buffer, 9, entries);
  expect(decodeEntry(buffer.written(), at, { group: 9, index: 300 })).toEqual(entries[0]);
  expect(decodeEntry(buffer.written(), at, { group: 9, index: 301 })).toBeUndefined();
  expect(decodeEntry(buffer.written(), at, { group: 8, index: 300 })).toBeUndefined();
});

test("damage to one entry names its group, and where the next record is", () => {
  const buffer = new LogBuffer();
  writeEntries(buffer, 9, entries);
  const next = buffer.length;
  writeHardState(buffer, 4, hardState);
  const bytes = buffer.written().slice();
  bytes[next - 1] = 99;
  expect(decodeRecord(bytes, 0, bytes.length)).toMatchObject({ ok: false, group: 9, next });
  expect(decodeRecord(bytes, next, bytes.length)).toMatchObject({ ok: true });
});

test("a record that claims more than there is allocates nothing and is refused", () => {
  const buffer = new LogBuffer();
  writeSnapshot(buffer, 9, metadata);
  const bytes = buffer.written().slice();
  new DataView(bytes.buffer).setUint32(16, 2 ** 31, true);
  expect(decodeRecord(bytes, 0, bytes.length)).toMatchObject({ ok: false });
});
