/** Changes to JSON that leave it JSON, so that what reads its values is reached and not only the parser. */
import { below, pick, type Random } from "../src/random.ts";

type Json = unknown;

const leaves: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 32,
  Number.MAX_SAFE_INTEGER,
  2 ** 53,
  1e308,
  "",
  "a",
  "__proto__",
  "constructor",
  "\ud800",
  "x".repeat(5000),
  [],
  {},
  [null],
  [[[[]]]],
  { length: 4_294_967_295 },
];

function entriesOf(value: Json): [string | number, Json][] {
  if (Array.isArray(value)) return value.map((each, index) => [index, each]);
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}

function withEntry(value: Json, key: string | number, changed: Json): Json {
  if (Array.isArray(value)) return value.with(key as number, changed);
  return { ...(value as object), [key]: changed };
}

function without(value: Json, key: string | number): Json {
  if (Array.isArray(value)) return value.toSpliced(key as number, 1);
  return Object.fromEntries(Object.entries(value as object).filter(([name]) => name !== key));
}

function changeOne(value: Json, random: Random): Json {
  const entries = entriesOf(value);
  if (entries.length === 0 || random() < 0.1) return pick(random, leaves);
  const [key, inner] = pick(random, entries);
  if (typeof inner === "object" && inner !== null && random() < 0.6) {
    return withEntry(value, key, changeOne(inner, random));
  }
  switch (below(random, 6)) {
    case 0:
      return without(value, key);
    case 1:
      return Array.isArray(value) ? [...(value as Json[]), inner] : { ...(value as object), extra: inner };
    case 2:
      return withEntry(value, key, pick(random, entries)[1]);
    case 3:
      return typeof inner === "number" ? withEntry(value, key, inner + below(random, 5) - 2) : value;
    default:
      return withEntry(value, key, pick(random, leaves));
  }
}

/** A JSON text like this one, but for some values. @throws SyntaxError when it is none. */
export function changeJson(text: string, random: Random): string {
  let value: Json = JSON.parse(text);
  for (let left = 1 + below(random, 3); left > 0; left -= 1) value = changeOne(value, random);
  return JSON.stringify(value) ?? "null";
}
