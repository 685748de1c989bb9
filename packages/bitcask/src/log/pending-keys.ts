import { decodeKeyBounds, isWithin, type KeyBounds } from "../format/range-delete.ts";
import { RecordCursor, recordTypes } from "../format/record.ts";

/** The part of a write group that is read here. */
interface PendingRecords {
  readonly bytes: Uint8Array;
  readonly firstRecordAt: number;
  readonly length: number;
}

/** What a key will be once the pending writes have landed. */
export interface PendingKey {
  readonly exists: boolean;
  readonly version: number;
  readonly expiresAtMs: number;
}

/**
 * The keys in a group that is not yet in the keydir, so that a conditional write can be judged by what the store will be
 * rather than by what it was. Built only when a conditional write meets a pending group, and then kept up to date by
 * reading on from where it stopped.
 */
export class PendingKeys {
  readonly #keys: Map<string, PendingKey & { readonly seq: number }> = new Map();
  readonly #ranges: { readonly seq: number; readonly bounds: KeyBounds }[] = [];
  #readTo = 0;

  /** What the group does to the key, or `undefined` if nothing. */
  lookUp(group: PendingRecords, key: Uint8Array, keyText: string): PendingKey | undefined {
    this.#catchUp(group);
    const pending = this.#keys.get(keyText);
    const range = this.#ranges.findLast((each) => isWithin(key, each.bounds));
    if (range && (!pending || range.seq > pending.seq)) return { exists: false, version: 0, expiresAtMs: 0 };
    return pending;
  }

  #catchUp(group: PendingRecords): void {
    const record = new RecordCursor().attach(group.bytes);
    for (let at = Math.max(this.#readTo, group.firstRecordAt); at < group.length; at = record.end) {
      record.moveTo(at);
      const { seq } = record;
      if (record.type === recordTypes.put) {
        this.#keys.set(keyTextOf(record.key), {
          seq,
          exists: true,
          version: record.version,
          expiresAtMs: record.expiresAtMs,
        });
      } else if (record.type === recordTypes.del) {
        this.#keys.set(keyTextOf(record.key), { seq, exists: false, version: 0, expiresAtMs: 0 });
      } else if (record.type === recordTypes.rangeDel) {
        const bounds = decodeKeyBounds(record.value);
        if (bounds) this.#ranges.push({ seq, bounds });
      }
    }
    this.#readTo = group.length;
  }
}

/** Bytes as a string with one character each: a map key that keeps every key apart. */
export function keyTextOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
