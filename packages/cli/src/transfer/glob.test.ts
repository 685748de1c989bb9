import { expect, test } from "vitest";
import { matchesAny } from "./glob.ts";

test.each([
  ["package.json", "a/b/package.json", true],
  ["package.json", "a/package.json5", false],
  ["README*", "x/README.md", true],
  ["*.ts", "a/b.test.ts", true],
  ["?.ts", "a/b.ts", true],
  ["?.ts", "a/bc.ts", false],
  ["a/*.ts", "a/b.ts", true],
  ["a/*.ts", "a/b/c.ts", false],
  ["a/**", "a/b/c.ts", true],
  ["a/**/c.ts", "a/c.ts", true],
  ["**/c.ts", "a/b/c.ts", true],
  ["**/c.ts", "c.ts", true],
  ["a.b", "axb", false],
  ["(a|b)", "a", false],
])("%s matches %s: %s", (pattern, path, matches) => {
  expect(matchesAny(path, [pattern])).toBe(matches);
});

test("no pattern matches everything, several match what one of them does", () => {
  expect(matchesAny("anything", [])).toBe(true);
  expect(matchesAny("a.md", ["*.ts", "*.md"])).toBe(true);
});
