/** How values become bytes and bytes become values. */
export interface Codec<In, Out> {
  /**
   * The value as it is stored; text is stored as its UTF-8 bytes. Bytes must stay unchanged until the call that wrote them
   * is settled. What it throws rejects the call before anything is sent.
   */
  encode(value: In): Uint8Array | string;
  /** The stored bytes as a value. The bytes belong to the caller. What it throws becomes the `cause` of DECODE_FAILED. */
  decode(bytes: Uint8Array): Out;
}

/** Takes text or bytes and returns bytes. The default. */
export const bytesCodec: Codec<string | Uint8Array, Uint8Array> = {
  encode: (value) => value,
  decode: (bytes) => bytes,
};

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text in, text out. Bytes that are not UTF-8 cannot be decoded. */
export const textCodec: Codec<string, string> = {
  encode(value) {
    if (typeof value !== "string") throw new TypeError(`a value is a string here, not ${typeof value}`);
    return value;
  },
  decode: (bytes) => strictUtf8.decode(bytes),
};

/**
 * Values as JSON. The type is a promise by the program that wrote them, nothing is checked when they are read.
 * `undefined`, functions and symbols have no JSON form and are refused.
 */
export function jsonCodec<Value>(): Codec<Value, Value> {
  return {
    encode(value) {
      // The type of JSON.stringify hides that some values have no JSON form.
      const text = JSON.stringify(value) as string | undefined;
      if (text === undefined) throw new TypeError(`a value of type ${typeof value} has no JSON form`);
      return text;
    },
    decode: (bytes) => JSON.parse(strictUtf8.decode(bytes)) as Value,
  };
}
