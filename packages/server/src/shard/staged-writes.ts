import type { ShardStore, StoredEntry, StoreOperation } from "./shard-store.ts";

/**
 * The changes of a batch before they reach the store, and the store as it will look once they have: later entries of
 * the same batch must see what earlier ones did.
 */
export class StagedWrites {
  readonly #store: ShardStore;
  /** By the key's bytes as Latin-1, which is one character a byte and the cheapest map key there is. */
  readonly #staged = new Map<string, StoredEntry | undefined>();
  #operations: StoreOperation[] = [];

  constructor(store: ShardStore) {
    this.#store = store;
  }

  get operations(): readonly StoreOperation[] {
    return this.#operations;
  }

  /** Without I/O: when the key expires; 0 never, -1 when it is absent. */
  expiresAtMs(key: Uint8Array): number {
    if (this.#staged.size === 0) return this.#store.expiresAtMs(key);
    const name = nameOf(key);
    const staged = this.#staged.get(name);
    if (staged !== undefined) return staged.expiresAtMs;
    return this.#staged.has(name) ? -1 : this.#store.expiresAtMs(key);
  }

  entry(key: Uint8Array): StoredEntry | undefined {
    const name = nameOf(key);
    return this.#staged.has(name) ? this.#staged.get(name) : this.#store.getEntry(key);
  }

  /** The bytes must not change until the batch is written. */
  put(key: Uint8Array, entry: StoredEntry): void {
    this.#staged.set(nameOf(key), entry);
    const { value, version, expiresAtMs } = entry;
    this.#operations.push({ type: "put", key, value, version, expiresAtMs });
  }

  delete(key: Uint8Array): void {
    this.#staged.set(nameOf(key), undefined);
    this.#operations.push({ type: "del", key });
  }

  clear(): void {
    this.#staged.clear();
    this.#operations = [];
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
