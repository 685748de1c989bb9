import { describe, expect, it } from "vitest";
import { recordTypes } from "../format/record.ts";
import { encodeKeyBounds } from "../format/range-delete.ts";
import { MemoryFileSystem } from "../../test/support/memory-file-system.ts";
import { createKeydir } from "../keydir/off-heap-keydir.ts";
import { DataFile } from "../log/data-file.ts";
import { FileTable } from "../log/file-table.ts";
import { LiveState } from "./live-state.ts";
import { StateLoader } from "./state-loader.ts";

/** Loads records given as `[type, key, seq]` in the given order of files; returns the keys that are there. */
function load(
  files: readonly (readonly (readonly ["put" | "del" | "rangeDel", string, number])[])[],
): string[] {
  const table = new FileTable(new MemoryFileSystem(), "/", { maxOpenFiles: 1 });
  const state = new LiveState(createKeydir({ mode: "full", seed: 1n }), table);
  const bounds = encodeKeyBounds({ gte: Buffer.from("a"), lt: Buffer.from("c") });
  const loader = new StateLoader(state, {
    newTombstones: () => createKeydir({ mode: "full", seed: 2n }),
    readValue: () => bounds,
  });
  for (const [index, records] of files.entries()) {
    const file = new DataFile({
      fileId: index + 1,
      kind: "log",
      salt: new Uint8Array(8),
      seed: 0,
      size: 1000,
    });
    table.add(file);
    for (const [type, name, seq] of records) {
      const bytes = Buffer.from(name);
      const record = {
        bytes,
        keyStart: 0,
        keyEnd: bytes.length,
        seq,
        type: recordTypes[type],
        flags: 0,
        size: 50,
        expiresAtMs: 0,
      };
      loader.load(record, file, { offset: 64, olderMayFollow: index < files.length - 1 });
    }
  }
  loader.finish();
  const cursor = state.keydir.snapshot().cursor();
  const keys: string[] = [];
  while (cursor.next()) keys.push(Buffer.from(cursor.key()).toString());
  return keys.toSorted();
}

describe("loading files in any order", () => {
  it("lets the highest sequence number win", () => {
    expect(load([[["put", "a", 9]], [["del", "a", 5]], [["put", "a", 3]]])).toEqual(["a"]);
    expect(load([[["put", "a", 3]], [["put", "a", 9]], [["del", "a", 5]]])).toEqual(["a"]);
  });

  it("remembers a deletion for older puts that come later", () => {
    expect(
      load([
        [["del", "a", 5]],
        [
          ["put", "a", 3],
          ["put", "b", 4],
        ],
      ]),
    ).toEqual(["b"]);
  });

  it("remembers a range delete for older puts that come later", () => {
    expect(
      load([
        [["rangeDel", "", 5]],
        [
          ["put", "a", 3],
          ["put", "b", 6],
          ["put", "c", 4],
        ],
      ]),
    ).toEqual(["b", "c"]);
  });
});
