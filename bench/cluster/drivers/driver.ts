/** The two operations that are compared, as each client offers them. */
export interface Driver {
  /** Resolves when the write is acknowledged. */
  put(key: string, value: Buffer): Promise<unknown>;
  /** A read that sees every acknowledged write; `undefined` or `null` when there is nothing. */
  get(key: string): Promise<Uint8Array | null | undefined>;
  close(): Promise<void>;
}
