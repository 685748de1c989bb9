import { Bitcask } from "../../src/index.ts";
import type { BatchOperation, OpenOptions } from "../../src/index.ts";
import type { MemoryFileSystem } from "./memory-file-system.ts";
import type { ModelHistory, ModelState } from "./model-history.ts";
import type { Random } from "./random.ts";

export const directory = "/store";

export function storeOptions(fileSystem: MemoryFileSystem): OpenOptions {
  return {
    fileSystem,
    hashSeed: 7n,
    maxFileBytes: 4096,
    ordered: true,
    merge: { auto: false, smallFileBytes: 1, includeDeadFraction: 0.3 },
    clock: () => 1000,
  };
}

/** What one step of a workload may do. All randomness comes from the generator, so a seed names a run. */
export class CrashWorkload {
  readonly #random: Random;
  readonly #history: ModelHistory;
  #counter = 0;

  constructor(random: Random, history: ModelHistory) {
    this.#random = random;
    this.#history = history;
  }

  /** Runs `steps` random steps, closing and opening the store now and then. */
  async run(fs: MemoryFileSystem, steps: number): Promise<void> {
    let db = await Bitcask.open(directory, storeOptions(fs));
    for (let step = 0; step < steps; step++) {
      if (this.#random.chance(0.04)) {
        // oxlint-disable-next-line eslint/no-await-in-loop -- steps happen one after the other
        await db.close();
        this.#history.acknowledge(this.#history.last);
        // oxlint-disable-next-line eslint/no-await-in-loop
        db = await Bitcask.open(directory, storeOptions(fs));
      }
      // oxlint-disable-next-line eslint/no-await-in-loop
      await this.#step(db);
    }
    await db.close();
    this.#history.acknowledge(this.#history.last);
  }

  async #step(db: Bitcask): Promise<void> {
    const dice = this.#random.below(100);
    if (dice < 30) await this.#concurrentWrites(db);
    else if (dice < 50) await this.#put(db, this.#random.chance(0.5));
    else if (dice < 62) await this.#batch(db);
    else if (dice < 76) this.#batchSync(db);
    else if (dice < 82) await this.#flush(db);
    else if (dice < 86) await this.#clear(db);
    else if (dice < 92) await this.#stream(db);
    else await this.#merge(db);
  }

  async #put(db: Bitcask, sync: boolean): Promise<void> {
    const [key, value] = [this.#key(), this.#value()];
    const step = this.#history.submit({ puts: new Map([[key, value]]) });
    await db.put(key, value, { sync });
    if (sync) this.#history.acknowledge(step);
  }

  async #concurrentWrites(db: Bitcask): Promise<void> {
    const count = 2 + this.#random.below(4);
    await Promise.all(
      Array.from({ length: count }, async () => {
        if (this.#random.chance(0.3)) {
          const key = this.#key();
          const step = this.#history.submit({ dels: [key] });
          await db.del(key);
          this.#history.acknowledge(step);
        } else await this.#put(db, this.#random.chance(0.7));
      }),
    );
  }

  #operations(): { operations: BatchOperation[]; puts: Map<string, string>; dels: string[] } {
    const puts = new Map<string, string>();
    const dels = new Set<string>();
    const operations: BatchOperation[] = [];
    for (let count = 1 + this.#random.below(4); count > 0; count--) {
      const key = this.#key();
      if (this.#random.chance(0.3)) {
        operations.push({ type: "del", key });
        puts.delete(key);
        dels.add(key);
      } else {
        const value = this.#value();
        operations.push({ type: "put", key, value });
        puts.set(key, value);
        dels.delete(key);
      }
    }
    return { operations, puts, dels: [...dels] };
  }

  async #batch(db: Bitcask): Promise<void> {
    const { operations, puts, dels } = this.#operations();
    const meta = `meta-${this.#counter++}`;
    const step = this.#history.submit({ puts, dels, meta });
    await db.batch(operations, { meta: Buffer.from(meta) });
    this.#history.acknowledge(step);
  }

  #batchSync(db: Bitcask): void {
    const { operations, puts, dels } = this.#operations();
    const meta = `meta-${this.#counter++}`;
    this.#history.submit({ puts, dels, meta });
    db.batchSync(operations, { meta: Buffer.from(meta) });
  }

  async #flush(db: Bitcask): Promise<void> {
    const step = this.#history.last;
    const meta = await db.flush();
    this.#history.acknowledge(step);
    if (meta?.toString() !== undefined && textOf(meta) !== this.#history.present.meta)
      throw new Error("flush told the wrong metadata");
  }

  async #clear(db: Bitcask): Promise<void> {
    const range = this.#random.chance(0.3) ? {} : { gte: this.#key(), lt: "key-9" };
    const step = this.#history.submit({ clear: range });
    await db.clear(range);
    this.#history.acknowledge(step);
  }

  async #stream(db: Bitcask): Promise<void> {
    const [key, value] = [this.#key(), this.#value()];
    const step = this.#history.submit({ puts: new Map([[key, value]]) });
    await db.putStream(key, [Buffer.from(value)]);
    this.#history.acknowledge(step);
  }

  async #merge(db: Bitcask): Promise<void> {
    const dice = this.#random.below(3);
    if (dice === 0) {
      await db.merge({ force: true });
      return;
    }
    // Only some of the files, on the strength of records that are not synced yet.
    if (dice === 1) {
      for (let count = this.#random.below(8); count > 0; count--) this.#batchSync(db);
      await db.merge();
      return;
    }
    // Writers do not wait for a merge.
    const [key, value] = [this.#key(), this.#value()];
    const merging = db.merge({ force: this.#random.chance(0.5) });
    const step = this.#history.submit({ puts: new Map([[key, value]]) });
    await Promise.all([merging, db.put(key, value).then(() => this.#history.acknowledge(step))]);
  }

  #key(): string {
    return `key-${this.#random.below(10)}`;
  }

  #value(): string {
    const size = this.#random.chance(0.2) ? 400 + this.#random.below(600) : this.#random.below(60);
    return `${this.#counter++}:`.padEnd(size, "x");
  }
}

/** Everything a store holds, read the slow way. */
export function readAll(db: Bitcask): ModelState {
  const keys = new Map<string, string>();
  using snapshot = db.snapshot();
  for (const { key, value } of snapshot.entriesSync()) keys.set(key.toString(), value.toString());
  const meta = db.lastMeta();
  return { keys, meta: meta && textOf(meta) };
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
