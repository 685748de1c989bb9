import type { ShardStore, StoredEntry, StoreOperation } from "../../src/shard/shard-store.ts";

/** A shard's store in memory, with a durable image that `crash` goes back to and writes that can be made to fail. */
export class MapStore implements ShardStore {
  failNextWrite: Error | undefined;
  #entries = new Map<string, StoredEntry>();
  #meta: Uint8Array | undefined;
  #durable: { entries: Map<string, StoredEntry>; meta: Uint8Array | undefined } = {
    entries: new Map(),
    meta: undefined,
  };

  get size(): number {
    return this.#entries.size;
  }

  getEntry(key: Uint8Array): StoredEntry | undefined {
    return this.#entries.get(nameOf(key));
  }

  expiresAtMs(key: Uint8Array): number {
    return this.#entries.get(nameOf(key))?.expiresAtMs ?? -1;
  }

  write(operations: readonly StoreOperation[], meta: Uint8Array): void {
    const failure = this.failNextWrite;
    this.failNextWrite = undefined;
    if (failure !== undefined) throw failure;
    for (const operation of operations) {
      if (operation.type === "del") this.#entries.delete(nameOf(operation.key));
      else {
        const { value, version, expiresAtMs } = operation;
        this.#entries.set(nameOf(operation.key), { value: Uint8Array.from(value), version, expiresAtMs });
      }
    }
    this.#meta = Uint8Array.from(meta);
  }

  meta(): Uint8Array | undefined {
    return this.#meta;
  }

  async flush(): Promise<Uint8Array | undefined> {
    this.#durable = { entries: new Map(this.#entries), meta: this.#meta };
    return this.#meta;
  }

  crash(): void {
    this.#entries = new Map(this.#durable.entries);
    this.#meta = this.#durable.meta;
  }

  *entries(prefix: Uint8Array): Iterable<{ key: Uint8Array; entry: StoredEntry }> {
    const start = nameOf(prefix);
    for (const [name, entry] of [...this.#entries].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (name.startsWith(start)) yield { key: Buffer.from(name, "latin1"), entry };
    }
  }

  *expiring(): Iterable<{ key: Uint8Array; expiresAtMs: number }> {
    for (const [name, { expiresAtMs }] of this.#entries) {
      if (expiresAtMs > 0) yield { key: Buffer.from(name, "latin1"), expiresAtMs };
    }
  }

  /** The whole state as text, for comparisons. */
  dump(): string {
    return JSON.stringify([...this.#entries].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}
