import { expect, test } from "vitest";
import { boundaryViolations } from "./boundary-rules.ts";

test("a standalone file may use relative and node: imports", () => {
  const source = `import { a } from "./a.ts";\nimport fs from "node:fs";\nexport type { B } from "../b.ts";\n`;
  expect(boundaryViolations(source, "standalone")).toEqual([]);
});

test.each([
  [`import { open } from "@titan-kv/bitcask";`, "line 1: imports @titan-kv/bitcask"],
  [`import "lodash";`, "line 1: imports lodash"],
  [`\nconst a = await import("lmdb");`, "line 2: imports lmdb"],
  [`export * from 'zod';`, "line 1: imports zod"],
])("a standalone file may not import a package: %s", (source, violation) => {
  expect(boundaryViolations(source, "standalone")).toEqual([violation]);
});

test.each([
  [`import fs from "node:fs";`, "line 1: imports node:fs"],
  [`const t = Date.now();`, "line 1: uses Date"],
  [`const d = new Date();`, "line 1: uses Date"],
  [`let x = 1;\nx += Math.random();`, "line 2: uses Math.random"],
  [`setTimeout(() => {}, 1);`, "line 1: uses setTimeout"],
  [`const now = performance.now();`, "line 1: uses performance"],
  ["const text = `at ${Date.now()}`;", "line 1: uses Date"],
])("a pure file may not touch the outside: %s", (source, violation) => {
  expect(boundaryViolations(source, "pure")).toEqual([violation]);
});

test("comments, strings and members of other objects are not violations", () => {
  const source = [
    `// Date and Math.random are injected`,
    `/* import "x" from "y" */`,
    `const message = "no Date here";`,
    `clock.setTimeout(1);`,
    `const url = "a//b"; const options = { process: 1 };`,
  ].join("\n");
  expect(boundaryViolations(source, "pure")).toEqual([]);
});
