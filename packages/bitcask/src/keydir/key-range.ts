import type { KeyRange } from "./keydir.ts";

/** A range reduced to at most one bound on either side. */
export interface KeyBounds {
  readonly lower: Uint8Array | undefined;
  /** Whether the lower bound itself is left out. */
  readonly lowerExclusive: boolean;
  readonly upper: Uint8Array | undefined;
  /** Whether the upper bound itself is left out. */
  readonly upperExclusive: boolean;
}

/** Order of keys: unsigned by byte, and a prefix before what it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length);
  for (let i = 0; i < common; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

/** The tightest of all bounds that are given, copied. */
export function boundsOf(range: KeyRange): KeyBounds {
  let lower = range.gte;
  let lowerExclusive = false;
  if (range.gt !== undefined && (lower === undefined || compareBytes(range.gt, lower) >= 0)) {
    lower = range.gt;
    lowerExclusive = true;
  }
  let upper = range.lte;
  let upperExclusive = false;
  if (range.lt !== undefined && (upper === undefined || compareBytes(range.lt, upper) <= 0)) {
    upper = range.lt;
    upperExclusive = true;
  }
  if (range.prefix !== undefined) {
    if (lower === undefined || compareBytes(range.prefix, lower) > 0) {
      lower = range.prefix;
      lowerExclusive = false;
    }
    const prefixEnd = afterPrefix(range.prefix);
    if (prefixEnd !== undefined && (upper === undefined || compareBytes(prefixEnd, upper) <= 0)) {
      upper = prefixEnd;
      upperExclusive = true;
    }
  }
  return { lower: copyOf(lower), lowerExclusive, upper: copyOf(upper), upperExclusive };
}

/** Not `slice`: that of a Buffer shares the caller's memory. */
function copyOf(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes === undefined ? undefined : new Uint8Array(bytes);
}

/** The lowest key that is higher than every key with the prefix; undefined if there is none. */
function afterPrefix(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  const end = new Uint8Array(prefix.subarray(0, length));
  end[length - 1]!++;
  return end;
}
