import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { TestDisk } from "../../test/wal-disk.ts";
import { EntryType } from "../core/entry.ts";
import { dumpLog } from "./dump.ts";
import { FileLog } from "./file-log.ts";

const document = readFileSync(new URL("../../WAL.md", import.meta.url), "utf8");

/** The bytes of the worked example; those that are not shown are zero. */
function exampleBytes(): Uint8Array {
  const bytes = new Uint8Array(16 << 10);
  for (const [, at = "", hex = ""] of document.matchAll(
    /^ {4}([0-9a-f]{8}) {2}((?:[0-9a-f]{2} ){15}[0-9a-f]{2}) /gmu,
  )) {
    bytes.set(
      hex.split(" ").map((byte) => Number.parseInt(byte, 16)),
      Number.parseInt(at, 16),
    );
  }
  return bytes;
}

function openExample(disk: TestDisk): Promise<FileLog> {
  let count = 0;
  const random = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, () => ++count);
  return FileLog.open({ directory: "/log", fileSystem: disk, segmentBytes: 16 << 10, random });
}

test("the worked example in WAL.md is what is written", async () => {
  const disk = new TestDisk();
  const log = await openExample(disk);
  const configuration = {
    index: 1,
    voters: [1, 2, 3],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  };
  await log.append([
    { group: 7, snapshot: { index: 1, term: 1, configuration }, hardState: { term: 1, vote: 0, commit: 1 } },
  ]);
  const data = new TextEncoder().encode("put a");
  const entries = [
    { type: EntryType.Normal, term: 2, index: 2, data: new Uint8Array(0) },
    { type: EntryType.Normal, term: 2, index: 3, data },
  ];
  await log.append([{ group: 7, hardState: { term: 2, vote: 3, commit: 1 }, entries }]);
  await log.close();
  expect(disk.names()).toEqual(["0000000001.wal"]);
  expect(disk.bytes("0000000001.wal")).toEqual(exampleBytes());
});

test("the worked example in WAL.md is read as it says", async () => {
  const disk = new TestDisk();
  disk.put("0000000001.wal", exampleBytes());
  const lines = dumpLog("/log", { fileSystem: disk });
  expect(document).toContain(lines.map((line) => `    ${line}\n`).join(""));
  const log = await openExample(disk);
  const reader = log.reader(7);
  expect(reader.initialState().hardState).toEqual({ term: 2, vote: 3, commit: 1 });
  expect(reader.snapshot().configuration.voters).toEqual([1, 2, 3]);
  expect(reader.entries(2, 4, 100).map(({ data }) => new TextDecoder().decode(data))).toEqual(["", "put a"]);
});
