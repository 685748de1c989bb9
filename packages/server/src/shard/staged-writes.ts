import type { ShardStore, StoredEntry, StoreOperation } from "./shard-store.ts";

/** What is to become of a key; no entry deletes it. */
interface StagedWrite {
  readonly key: Uint8Array;
  readonly entry: StoredEntry | undefined;
}

/** What a record costs beside its key and its value, for the count of bytes. */
const recordOverheadBytes = 64;

/**
 * Changes on their way to the store, and the store as it will look once they are there. A key that changes several times
 * is written once.
 */
export class StagedWrites {
  readonly #store: ShardStore;
  /** By the key's bytes as Latin-1, which is one character a byte and the cheapest map key there is. */
  readonly #staged = new Map<string, StagedWrite>();
  #bytes = 0;

  constructor(store: ShardStore) {
    this.#store = store;
  }

  /** Keys that are to change. */
  get size(): number {
    return this.#staged.size;
  }

  /** Bytes that were staged, those of changes that were overtaken included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The changes, one for each key. */
  operations(): StoreOperation[] {
    const operations: StoreOperation[] = [];
    for (const { key, entry } of this.#staged.values()) {
      if (entry === undefined) operations.push({ type: "del", key });
      else {
        const { value, version, expiresAtMs } = entry;
        operations.push({ type: "put", key, value, version, expiresAtMs });
      }
    }
    return operations;
  }

  /** Without I/O: when the key expires; 0 never, -1 when it is absent. */
  expiresAtMs(key: Uint8Array): number {
    if (this.#staged.size === 0) return this.#store.expiresAtMs(key);
    const staged = this.#staged.get(nameOf(key));
    if (staged === undefined) return this.#store.expiresAtMs(key);
    return staged.entry === undefined ? -1 : staged.entry.expiresAtMs;
  }

  entry(key: Uint8Array): StoredEntry | undefined {
    const staged = this.#staged.size === 0 ? undefined : this.#staged.get(nameOf(key));
    return staged === undefined ? this.#store.getEntry(key) : staged.entry;
  }

  /** The bytes must not change until the store has them. */
  put(key: Uint8Array, entry: StoredEntry): void {
    this.#staged.set(nameOf(key), { key, entry });
    this.#bytes += key.length + entry.value.length + recordOverheadBytes;
  }

  delete(key: Uint8Array): void {
    this.#staged.set(nameOf(key), { key, entry: undefined });
    this.#bytes += key.length + recordOverheadBytes;
  }

  clear(): void {
    this.#staged.clear();
    this.#bytes = 0;
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
