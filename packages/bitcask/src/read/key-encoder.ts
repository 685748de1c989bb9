import { copyBytes } from "../format/bytes.ts";
import { BitcaskError } from "../errors.ts";
import { maxKeyBytes } from "../limits.ts";
import { writeText } from "../log/write-group.ts";

/**
 * Turns keys into bytes without making an object for each: strings are encoded into one scratch buffer. The result
 * (`bytes`, 0 to `length`) is valid until the next call.
 */
export class KeyEncoder {
  bytes: Uint8Array = Buffer.alloc(0);
  length = 0;
  readonly #scratch: Buffer = Buffer.allocUnsafeSlow(maxKeyBytes + 1);

  encode(key: string | Uint8Array): void {
    if (typeof key === "string") {
      if (key.length > maxKeyBytes || (key.length * 3 > maxKeyBytes && Buffer.byteLength(key) > maxKeyBytes))
        throw tooLong();
      this.bytes = this.#scratch;
      this.length = writeText(this.#scratch, key, 0);
      return;
    }
    if (!(key instanceof Uint8Array))
      throw new BitcaskError("INVALID_ARGUMENT", "a key is a string or a Uint8Array");
    if (key.length > maxKeyBytes) throw tooLong();
    this.bytes = key;
    this.length = key.length;
  }

  /** A copy of what was encoded last. */
  copy(): Uint8Array {
    return copyBytes(this.bytes, 0, this.length);
  }
}

function tooLong(): BitcaskError {
  return new BitcaskError("KEY_TOO_LARGE", `a key may have at most ${maxKeyBytes} bytes`);
}

/** A key or bound as bytes of its own. */
export function keyBytes(key: string | Uint8Array): Uint8Array {
  return typeof key === "string" ? Buffer.from(key, "utf8") : key;
}
