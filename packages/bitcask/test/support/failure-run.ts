import { Bitcask, BitcaskError } from "../../src/index.ts";
import { directory, readAll, storeOptions, textOf } from "./crash-workload.ts";
import { MemoryFileSystem, type Call, type Fault } from "./memory-file-system.ts";
import { Random } from "./random.ts";

interface Possible {
  readonly keys: ReadonlyMap<string, string>;
  readonly meta: string | undefined;
}

/**
 * Runs a workload in which one call fails, goes on as an application would, and keeps account of what the errors said:
 * `not-applied` writes must never be seen, `unknown` ones may, acknowledged ones must.
 */
export class FailureRun {
  readonly fs: MemoryFileSystem = new MemoryFileSystem();
  readonly errors: BitcaskError[] = [];
  /** States the store may be found in. */
  #possible: Possible[] = [{ keys: new Map(), meta: undefined }];
  #db: Bitcask | undefined;
  #counter = 0;
  readonly #random: Random;

  constructor(seed: number, plan: (call: Call) => Fault | undefined) {
    this.#random = new Random(seed);
    this.fs.plan = plan;
  }

  /** Returns what went against the promises. */
  async run(steps: number): Promise<string | undefined> {
    await this.#open();
    for (let step = 0; step < steps; step++) {
      // oxlint-disable-next-line eslint/no-await-in-loop -- steps happen one after the other
      const problem = await this.#step();
      if (problem !== undefined) return problem;
    }
    await this.#attempt(() => this.#db!.close());
    return this.#check("after reopening");
  }

  async #step(): Promise<string | undefined> {
    const db = this.#db!;
    const dice = this.#random.below(12);
    const key = `key-${this.#random.below(6)}`;
    const value = `${this.#counter++}:`.padEnd(this.#random.below(700), "v");
    if (dice < 4)
      await this.#write(
        (keys) => keys.set(key, value),
        () => db.put(key, value, { sync: dice < 2 }),
      );
    else if (dice === 4)
      await this.#write(
        (keys) => keys.delete(key),
        () => db.del(key),
      );
    else if (dice === 5)
      await this.#write(
        (keys) => keys.set(key, value),
        () => db.putStream(key, [Buffer.from(value)]),
      );
    else if (dice === 6) await this.#writeBatch(key, value);
    else if (dice === 7)
      await this.#write(
        () => undefined,
        () => db.flush(),
      );
    else if (dice === 8)
      await this.#write(
        () => undefined,
        () => db.merge({ force: true }),
      );
    else if (dice === 9)
      await this.#write(
        (keys) => keys.clear(),
        () => db.clear(),
      );
    else if (dice === 10) {
      await this.#attempt(() => db.close());
      await this.#open();
    } else return this.#check("while open");
    return undefined;
  }

  async #writeBatch(key: string, value: string): Promise<void> {
    const meta = `meta-${this.#counter}`;
    const change = (keys: Map<string, string>): void => {
      keys.set(key, value);
      keys.delete("key-0");
    };
    await this.#write(
      change,
      () =>
        this.#db!.batch(
          [
            { type: "put", key, value },
            { type: "del", key: "key-0" },
          ],
          { meta: Buffer.from(meta) },
        ),
      meta,
    );
  }

  async #write(
    change: (keys: Map<string, string>) => unknown,
    act: () => Promise<unknown>,
    meta?: string,
  ): Promise<void> {
    const error = await this.#attempt(act);
    const changed = this.#possible.map((state) => {
      const keys = new Map(state.keys);
      change(keys);
      return { keys, meta: meta ?? state.meta };
    });
    if (!error) this.#possible = changed;
    else if (error.outcome === "unknown") this.#possible = [...this.#possible, ...changed].slice(-64);
    if (error?.outcome === "not-applied") await this.#checkStaysAway(changed);
    if (error) await this.#recoverFrom();
  }

  /** Not even power loss right after the error may bring back a write that was said not to have happened. */
  async #checkStaysAway(refused: readonly Possible[]): Promise<void> {
    for (const kind of ["kept", "reordered", "torn"] as const) {
      const image = this.fs.afterPowerLoss(kind, this.#counter);
      // oxlint-disable-next-line eslint/no-await-in-loop -- one image after the other
      const db = await Bitcask.open(directory, storeOptions(image));
      const found = readAll(db);
      // oxlint-disable-next-line eslint/no-await-in-loop
      await db.close();
      const isNew = (state: Possible): boolean => !this.#possible.some((possible) => isSame(possible, state));
      if (refused.some((state) => isNew(state) && isSame(state, found))) {
        throw new Error(`power loss (${kind}) brought a refused write back: ${describe(found)}`);
      }
    }
  }

  /** What an operator would do: make space, resume; and if that is refused, open again. */
  async #recoverFrom(): Promise<void> {
    const db = this.#db!;
    if (db.stats().writesStopped === undefined) return;
    const error = await this.#attempt(async () => db.resume());
    if (!error) return;
    await this.#attempt(() => db.close());
    await this.#open();
  }

  async #open(): Promise<void> {
    for (let attempt = 0; attempt < 3; attempt++) {
      // oxlint-disable-next-line eslint/no-await-in-loop -- one call fails once, so a later attempt succeeds
      const error = await this.#attempt(
        async () => (this.#db = await Bitcask.open(directory, storeOptions(this.fs))),
      );
      if (!error) return;
    }
    throw new Error("the store could not be opened although nothing fails any more");
  }

  async #attempt(act: () => Promise<unknown>): Promise<BitcaskError | undefined> {
    try {
      await act();
      return undefined;
    } catch (error) {
      if (!(error instanceof BitcaskError)) throw error;
      this.errors.push(error);
      return error;
    }
  }

  async #read(db: Bitcask): Promise<Possible | undefined> {
    const read: Possible[] = [];
    await this.#attempt(async () => read.push(readAll(db)));
    return read[0];
  }

  async #check(when: string): Promise<string | undefined> {
    let db = this.#db!;
    if (db.status !== "open") {
      await this.#open();
      db = this.#db!;
    }
    // One call fails once, so a second attempt succeeds.
    const found = (await this.#read(db)) ?? (await this.#read(db));
    if (!found) return `${when}: the store could not be read`;
    if (this.#possible.some((state) => isSame(state, found))) return undefined;
    const errors = this.errors
      .map((error) => `${error.code}/${error.outcome ?? "-"}: ${error.message}`)
      .join("\n  ");
    return `${when}: found ${describe(found)}, possible ${this.#possible.map(describe).join(" | ")}\n  ${errors}`;
  }
}

function isSame(a: Possible, b: Possible): boolean {
  return (
    a.meta === b.meta &&
    a.keys.size === b.keys.size &&
    [...a.keys].every(([key, value]) => b.keys.get(key) === value)
  );
}

function describe(state: Possible): string {
  const keys = [...state.keys].map(([key, value]) => `${key}=${value.slice(0, 6)}`);
  return `{${keys.join(" ")}; ${state.meta === undefined ? "-" : textOf(Buffer.from(state.meta))}}`;
}
