import { describe, expect, test } from "vitest";
import type { Chunk } from "./chunk.ts";
import { ContentSum } from "./content-sum.ts";
import { ImportRun, type ImportRunOptions } from "./import-run.ts";
import type { ImportProgress } from "./import-state.ts";
import { seededRandom } from "../bench/key-choice.ts";
import type { SourceItem, SourceReader } from "./record.ts";

/** A source of `count` records whose keys repeat after `distinct`; every tenth item is a reject. */
function source(count: number, distinct: number): SourceReader {
  return async function* read(after): AsyncGenerator<SourceItem> {
    for (let index = after === undefined ? 0 : Number(after); index < count; index += 1) {
      const place = `line ${index + 1}`;
      const record = { key: `k${index % distinct}`, value: Buffer.from(String(index)) };
      yield {
        position: String(index + 1),
        bytesRead: index,
        found:
          index % 10 === 9
            ? { type: "reject", reject: { place, reason: "ninth" } }
            : { type: "record", place, record },
      };
      await Promise.resolve();
    }
  };
}

/** A store that writes chunks in any order and takes its time. */
class SlowStore {
  readonly contents = new Map<string, string>();
  readonly #random: () => number;
  /** Chunks that fail, by their number. */
  readonly failing: Set<number> = new Set<number>();
  underWay = 0;
  mostUnderWay = 0;
  #count = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  readonly send = async (chunk: Chunk): Promise<void> => {
    this.#count += 1;
    const number = this.#count;
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    for (let turns = Math.floor(this.#random() * 20); turns > 0; turns -= 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.underWay -= 1;
    if (this.failing.has(number)) throw new Error(`chunk ${number} failed`);
    for (const { record } of chunk.records) {
      this.contents.set(record.key, Buffer.from(record.value).toString());
      chunk.counted(record);
    }
  };
}

function options(
  store: SlowStore,
  read: SourceReader,
  more: Partial<ImportRunOptions> = {},
): ImportRunOptions {
  return {
    read,
    send: store.send,
    keepRejects: (chunk) => Promise.resolve(chunk.rejects.length),
    save: () => Promise.resolve(),
    onProgress: () => undefined,
    signal: new AbortController().signal,
    concurrency: 8,
    from: undefined,
    ...more,
  };
}

describe("an import", () => {
  test.each([1, 2, 3])("lets the last of several records with one key win (seed %i)", async (seed) => {
    const store = new SlowStore(seed);
    const count = 4000;
    await new ImportRun(options(store, source(count, 700))).run();
    for (let key = 0; key < 700; key += 1) {
      const all = Array.from({ length: count }, (_, index) => index);
      const last = all.findLast((index) => index % 700 === key && index % 10 !== 9);
      expect(store.contents.get(`k${key}`)).toBe(last === undefined ? undefined : String(last));
    }
  });

  test("has no more chunks under way than it may, and more than one", async () => {
    const store = new SlowStore(4);
    const run = new ImportRun(options(store, source(20_000, 20_000)));
    await run.run();
    expect(store.mostUnderWay).toBe(8);
    expect(run.progress).toMatchObject({ position: "20000", imported: 18_000, rejected: 2000 });
  });

  test.each([1, 5, 9, 20])(
    "that fails at chunk %i claims only what lies before it, and can go on",
    async (failing) => {
      const store = new SlowStore(failing);
      store.failing.add(failing);
      const count = 12_000;
      const read = source(count, count);
      let saved: ImportProgress | undefined;
      const save = (progress: ImportProgress): Promise<void> => {
        saved = progress;
        return Promise.resolve();
      };
      await expect(new ImportRun(options(store, read, { save })).run()).rejects.toThrow(
        `chunk ${failing} failed`,
      );
      const claimed = Number(saved?.position ?? 0);
      for (let index = 0; index < claimed; index += 1) {
        expect(store.contents.has(`k${index}`)).toBe(index % 10 !== 9);
      }
      expect(claimed).toBeLessThan(count);
      const second = new ImportRun(options(store, read, { save, from: saved }));
      await second.run();
      expect(second.progress).toMatchObject({ imported: 10_800, rejected: 1200, position: String(count) });
      const sum = new ContentSum();
      for (const [key, value] of store.contents) sum.add(key, Buffer.from(value));
      expect(second.progress.sum).toBe(sum.toString());
    },
  );

  test("that is aborted reads no further, finishes what is under way, and says how far it is", async () => {
    const store = new SlowStore(6);
    const controller = new AbortController();
    const run = new ImportRun(
      options(store, source(50_000, 50_000), {
        signal: controller.signal,
        onProgress: ({ imported }) => imported > 5000 && controller.abort(),
      }),
    );
    await run.run();
    expect(store.underWay).toBe(0);
    expect(run.progress.imported).toBe(store.contents.size);
    expect(run.progress.imported).toBeLessThan(45_000);
  });
});
