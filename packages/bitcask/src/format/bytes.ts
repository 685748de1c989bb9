/**
 * A copy of part of some bytes. Not `slice`: on a `Buffer`, which may arrive wherever a `Uint8Array` is asked for, that is
 * a view of memory that will soon hold something else.
 */
export function copyBytes(bytes: Uint8Array, start = 0, end: number = bytes.length): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}
