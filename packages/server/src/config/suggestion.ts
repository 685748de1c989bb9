/** How many single-letter changes turn one word into another. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const changed = previous[column - 1]! + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(changed, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[to.length]!;
}

/** A name may differ in this share of its letters and still be what was meant. */
const maxChangedShare = 0.4;

/** The last part of a name: what people remember. */
function lastPart(name: string): string {
  return name.slice(Math.max(name.lastIndexOf("."), name.lastIndexOf("-"), name.lastIndexOf("_")) + 1);
}

/** The known name that is nearest to a wrong one, if one is near enough; letter case does not matter. */
export function suggestion(wrong: string, known: Iterable<string>): string | undefined {
  const lower = wrong.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.ceil(lower.length * maxChangedShare));
  for (const name of known) {
    const candidate = name.toLowerCase();
    // A name without its section is forgiven: "maxKeyBytes" for "limits.maxKeyBytes".
    const distance = lastPart(candidate) === lower ? 0 : editDistance(lower, candidate);
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}
