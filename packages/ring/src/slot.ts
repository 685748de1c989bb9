/**
 * Slots: the hash space cut into 16384 equal parts.
 *
 * A cluster cannot move single keys between its nodes, and a ring's ranges change shape with every member. A slot is
 * the unit between the two: few enough that a table of all owners is small, and fixed for ever, so that "slot 812
 * moves from a to b" means the same to everybody.
 *
 * Keys that belong together can be kept together: when a key holds a tag in braces, only the tag is hashed. The rule
 * is Redis Cluster's: the first `{`, the first `}` after it, and at least one byte between them.
 */

import { murmur3Ascii, murmur3Bytes, murmur3Utf8, NEVER, NOT_PLAIN } from "./murmur3.ts";
import { RingError } from "./ring-error.ts";
import { checkedBytes, type RingKey } from "./ring-key.ts";

/** Number of slots. */
export const SLOT_COUNT = 16_384;

/** A slot is the top 14 bits of a hash, so that a slot is one contiguous range of ring positions. */
const SLOT_SHIFT = 18;

const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/**
 * The slot of a key, 0 … 16383: the top 14 bits of the hash of its tag, or of the whole key when it has none.
 * Allocates nothing unless the key is malformed.
 * @throws RingError `INVALID_KEY` when the key is neither a string nor a `Uint8Array`, or holds a lone surrogate
 * anywhere, inside the tag or outside.
 */
export function slotOf(key: RingKey): number {
  if (typeof key !== "string") return slotOfBytes(checkedBytes(key));
  const hash = murmur3Ascii(key, 0, key.length, OPENING_BRACE);
  return hash === NOT_PLAIN ? slotOfText(key) : hash >>> SLOT_SHIFT;
}

/**
 * The middle of a slot's range of ring positions. The ring's owner of this position is the slot's owner: of all single
 * positions it agrees with the most keys of the slot.
 * @throws RingError `INVALID_ARGUMENT` when `slot` is not one.
 */
export function positionOfSlot(slot: number): number {
  checkSlot(slot);
  return ((slot << SLOT_SHIFT) | (1 << (SLOT_SHIFT - 1))) >>> 0;
}

/** @throws RingError `INVALID_ARGUMENT` when `slot` is not an integer from 0 to 16383. */
export function checkSlot(slot: number): void {
  if (Number.isInteger(slot) && slot >= 0 && slot < SLOT_COUNT) return;
  throw new RingError("INVALID_ARGUMENT", `A slot is an integer from 0 to ${SLOT_COUNT - 1}, not ${slot}.`, {
    field: "slot",
  });
}

/** The slot of a string with a brace or with characters beyond ASCII. */
function slotOfText(key: string): number {
  const opening = key.indexOf("{");
  const closing = opening < 0 ? -1 : key.indexOf("}", opening + 1);
  const tagged = closing > opening + 1;
  // A surrogate outside the tag is not hashed, and still the key has no UTF-8 form. Hashing everything finds it.
  if (tagged && !key.isWellFormed()) murmur3Utf8(key, 0, key.length);
  const start = tagged ? opening + 1 : 0;
  const end = tagged ? closing : key.length;
  const hash = murmur3Ascii(key, start, end, NEVER);
  return (hash === NOT_PLAIN ? murmur3Utf8(key, start, end) : hash) >>> SLOT_SHIFT;
}

function slotOfBytes(key: Uint8Array): number {
  const opening = key.indexOf(OPENING_BRACE);
  const closing = opening < 0 ? -1 : key.indexOf(CLOSING_BRACE, opening + 1);
  const tagged = closing > opening + 1;
  const start = tagged ? opening + 1 : 0;
  const end = tagged ? closing : key.length;
  return murmur3Bytes(key, start, end, 0) >>> SLOT_SHIFT;
}
