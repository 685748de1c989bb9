/**
 * A checksum of records that does not depend on their order: the sum, modulo 2^256, of the SHA-256 of each record. So an
 * import of a shuffled source and an export in the order of keys give the same one when they hold the same records.
 *
 *     record = length of the key (4, big endian)  key  value
 */
import { createHash } from "node:crypto";

const words = 8;

export class ContentSum {
  readonly #sum: Uint32Array;

  constructor(sum: Uint32Array = new Uint32Array(words)) {
    this.#sum = sum;
  }

  /** Reads what `toString` wrote; `undefined` for anything else. */
  static parse(text: string): ContentSum | undefined {
    if (!/^[0-9a-f]{64}$/.test(text)) return undefined;
    const bytes = Buffer.from(text, "hex");
    return new ContentSum(
      Uint32Array.from({ length: words }, (_word, index) => bytes.readUInt32BE(index * 4)),
    );
  }

  /** Adds a record. */
  add(key: string, value: Uint8Array): void {
    const keyBytes = Buffer.from(key);
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(keyBytes.length);
    const digest = createHash("sha256").update(length).update(keyBytes).update(value).digest();
    this.#addWords((index) => digest.readUInt32BE(index * 4));
  }

  /** Adds all that another sum holds. */
  addSum(other: ContentSum): void {
    this.#addWords((index) => other.#sum[index]!);
  }

  toString(): string {
    const bytes = Buffer.allocUnsafe(words * 4);
    this.#sum.forEach((word, index) => bytes.writeUInt32BE(word, index * 4));
    return bytes.toString("hex");
  }

  #addWords(wordAt: (index: number) => number): void {
    let carry = 0;
    for (let index = words - 1; index >= 0; index -= 1) {
      const total = this.#sum[index]! + wordAt(index) + carry;
      this.#sum[index] = total;
      carry = total > 0xffff_ffff ? 1 : 0;
    }
  }
}
