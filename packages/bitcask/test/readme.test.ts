import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";

/** Every TypeScript example of the README is a program that runs. */
const root = path.join(import.meta.dirname, "..");
const readme = fs.readFileSync(path.join(root, "README.md"), "utf8");
const snippets = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
// Inside the package, so that it can be imported by its own name.
const programs = fs.mkdtempSync(path.join(root, "test", "readme-"));
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "bitcask-readme-"));

afterAll(() => {
  fs.rmSync(programs, { recursive: true });
  fs.rmSync(scratch, { recursive: true });
});

describe("the README", () => {
  it("has code by line 20", () => {
    expect(readme.split("\n").findIndex((line) => line.startsWith("import "))).toBeLessThan(20);
    expect(snippets.length).toBeGreaterThanOrEqual(3);
  });

  it.each(snippets.map((code, index) => ({ name: `example ${index + 1}`, code })))(
    "$name runs",
    ({ name, code }) => {
      const file = path.join(programs, `${name.replace(" ", "-")}.ts`);
      fs.writeFileSync(file, code);
      const result = spawnSync(process.execPath, ["--conditions=@titan-kv/source", file], {
        cwd: scratch,
        encoding: "utf8",
        timeout: 60_000,
      });
      expect(result.stderr).toBe("");
      expect(result.status).toBe(0);
      expect(result.stdout).not.toBe("");
    },
  );

  it("documents every error code", () => {
    const source = fs.readFileSync(path.join(root, "src/errors.ts"), "utf8");
    const codes = [...source.matchAll(/^ {2}\| "([A-Z_]+)"/gm)].map((match) => match[1] ?? "");
    expect(codes.length).toBeGreaterThan(20);
    for (const code of codes) expect(readme).toContain(`\`${code}\``);
  });
});
