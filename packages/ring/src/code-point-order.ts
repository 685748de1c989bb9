/**
 * Compares two well-formed strings by code point, which is also the order of their UTF-8 bytes: the order that every
 * language can agree on. JavaScript's `<` compares UTF-16 code units and puts U+10000 before U+FFFD.
 * @returns below 0 when `left` comes first, above 0 when `right` does, 0 when they are equal.
 */
export function compareCodePoints(left: string, right: string): number {
  const shorter = Math.min(left.length, right.length);
  let at = 0;
  while (at < shorter && left.charCodeAt(at) === right.charCodeAt(at)) at++;
  if (at === shorter) return left.length - right.length;
  return rankOfUnit(left.charCodeAt(at)) - rankOfUnit(right.charCodeAt(at));
}

/** Surrogates stand for code points above U+FFFF, so they sort after every other unit. */
function rankOfUnit(unit: number): number {
  return (unit & 0xf800) === 0xd800 ? unit + 0x10000 : unit;
}
