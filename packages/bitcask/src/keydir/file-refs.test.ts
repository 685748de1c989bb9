import { describe, expect, it } from "vitest";

import { FILE_REFS_MAX, FileCounts, FileRefs } from "./file-refs.ts";

describe("short names of files", () => {
  it("are different for all files in use, and lead back to the file's id", () => {
    const refs = new FileRefs();
    const counts = new FileCounts();
    refs.register(counts);
    const fileIds = Array.from({ length: 5000 }, (_, i) => 4_294_967_295 - i * 1000);
    const names = fileIds.map((fileId) => {
      const ref = refs.refOf(fileId);
      counts.add(ref);
      return ref;
    });
    expect(new Set(names).size).toBe(fileIds.length);
    expect(names).not.toContain(0);
    expect(names.map((ref) => refs.fileId(ref))).toEqual(fileIds);
    expect(fileIds.map((fileId) => refs.existing(fileId))).toEqual(names);
  });

  it("are given again when no record uses them, so that millions of files may come and go", () => {
    const refs = new FileRefs();
    const counts = new FileCounts();
    refs.register(counts);
    let highest = 0;
    const recent: number[] = [];
    for (let fileId = 1; fileId <= 200_000; fileId++) {
      const ref = refs.refOf(fileId);
      counts.add(ref);
      recent.push(ref);
      if (recent.length > 20) counts.subtract(recent.shift() ?? 0);
      highest = Math.max(highest, ref);
      expect(refs.fileId(ref)).toBe(fileId);
    }
    expect(highest).toBeLessThan(200);
    expect(refs.existing(1)).toBe(0);
  });

  it("stay in use while any table has a record in the file", () => {
    const refs = new FileRefs();
    const [one, two] = [new FileCounts(), new FileCounts()];
    refs.register(one);
    refs.register(two);
    const ref = refs.refOf(7);
    two.add(ref);
    for (let fileId = 100; fileId < 5000; fileId++) expect(refs.refOf(fileId)).not.toBe(ref);
    refs.unregister(two);
    const reused = Array.from({ length: 200 }, (_, i) => {
      const name = refs.refOf(10_000 + i);
      one.add(name);
      return name;
    });
    expect(reused).toContain(ref);
  });

  it("run out with a message that says what to do", () => {
    const refs = new FileRefs();
    const counts = new FileCounts();
    refs.register(counts);
    for (let fileId = 0; fileId < FILE_REFS_MAX; fileId++) counts.add(refs.refOf(fileId));
    expect(() => refs.refOf(FILE_REFS_MAX)).toThrow(/merge, or use larger files/);
    expect(refs.refOf(5)).toBe(refs.existing(5));
  });
});
