import { copyBytes } from "./bytes.ts";

/**
 * Value of a range-delete record: `| bounds u8 | length of gte u32 | gte | lt |`. It deletes every key in
 * `[gte, lt)` whose record has a lower sequence number; a missing bound is open.
 */
export interface KeyBounds {
  readonly gte: Uint8Array | undefined;
  readonly lt: Uint8Array | undefined;
}

export function encodeKeyBounds(bounds: KeyBounds): Uint8Array {
  const { gte, lt } = bounds;
  const bytes = new Uint8Array(5 + (gte?.length ?? 0) + (lt?.length ?? 0));
  bytes[0] = (gte ? 1 : 0) + (lt ? 2 : 0);
  new DataView(bytes.buffer).setUint32(1, gte?.length ?? 0, true);
  if (gte) bytes.set(gte, 5);
  if (lt) bytes.set(lt, 5 + (gte?.length ?? 0));
  return bytes;
}

export function decodeKeyBounds(value: Uint8Array): KeyBounds | undefined {
  if (value.length < 5) return undefined;
  const gteLength = new DataView(value.buffer, value.byteOffset).getUint32(1, true);
  if (5 + gteLength > value.length) return undefined;
  return {
    gte: (value[0]! & 1) === 0 ? undefined : copyBytes(value, 5, 5 + gteLength),
    lt: (value[0]! & 2) === 0 ? undefined : copyBytes(value, 5 + gteLength),
  };
}

export function isWithin(key: Uint8Array, bounds: KeyBounds): boolean {
  return (
    (!bounds.gte || Buffer.compare(key, bounds.gte) >= 0) &&
    (!bounds.lt || Buffer.compare(key, bounds.lt) < 0)
  );
}
