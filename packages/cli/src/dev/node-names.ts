/** Nodes as people name them: 1, 2, 3 or A, B, C; lists of them; and the two sides of a partition. */
import { usageError } from "../program/cli-error.ts";

const firstLetter = "A".codePointAt(0)!;

/** `1` is `A`. */
export function letterOf(node: number): string {
  return String.fromCodePoint(firstLetter + node - 1);
}

/** Reads one name. @throws CliError USAGE when there is no such node. */
export function parseNode(text: string, all: readonly number[]): number {
  const name = text.trim();
  const node = /^[a-z]$/i.test(name)
    ? name.toUpperCase().codePointAt(0)! - firstLetter + 1
    : Number(name === "" ? Number.NaN : name);
  if (all.includes(node)) return node;
  throw usageError(
    `there is no node ${JSON.stringify(name)}`,
    `the nodes are ${all.map((each) => `${each} (${letterOf(each)})`).join(", ")}`,
  );
}

/** Reads `1,2` or `A B`; every node once. */
export function parseNodes(words: readonly string[], all: readonly number[]): number[] {
  const names = words.flatMap((word) => word.split(/[,\s]+/)).filter((name) => name !== "");
  if (names.length === 0) throw usageError("name at least one node", "for instance 2, or 1,3, or B");
  return [...new Set(names.map((name) => parseNode(name, all)))];
}

/** What a partition is to be: groups that do not reach each other, or one direction between two nodes. */
export type Cut =
  | { readonly type: "groups"; readonly groups: readonly (readonly number[])[] }
  | { readonly type: "oneWay"; readonly from: readonly number[]; readonly to: readonly number[] };

/**
 * Reads `A,B,C|D,E`, the same as two words, or `A>B`: messages of A no longer reach B. Brackets and spaces are allowed, as
 * one draws it: `[A,B,C] | [D,E]`.
 */
export function parseCut(words: readonly string[], all: readonly number[]): Cut {
  const text = words.join(words.some((word) => /[|>]/.test(word)) ? " " : "|").replaceAll(/[[\]]/g, " ");
  const oneWay = text.split(">");
  if (oneWay.length === 2 && !text.includes("|")) {
    const [from = "", to = ""] = oneWay;
    return { type: "oneWay", from: parseNodes([from], all), to: parseNodes([to], all) };
  }
  const groups = text.split("|").map((side) => parseNodes([side], all));
  const named = groups.flat();
  if (oneWay.length > 1 || new Set(named).size !== named.length) {
    throw usageError("a node can be on one side only", "write the sides as 1,2,3 4,5 or as 'A,B,C|D,E'");
  }
  if (groups.length === 1 && named.length === all.length) {
    throw usageError("that leaves nobody on the other side", "write the sides as 1,2,3 4,5");
  }
  return { type: "groups", groups };
}
