import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const directory = fileURLToPath(new URL(".", import.meta.url));
const document = readFileSync(new URL("../HOST.md", import.meta.url), "utf8");

test("the program in HOST.md prints what its comments say", () => {
  const [, program = ""] = /```ts\n(.*?)```/su.exec(document) ?? [];
  // Inside the package, so that its own name leads to its sources.
  const scratch = mkdtempSync(join(directory, ".snippet-"));
  const path = join(scratch, "snippet.ts");
  writeFileSync(path, program);
  const { stdout, stderr } = spawnSync(process.execPath, ["--conditions=@titan-kv/source", path], {
    encoding: "utf8",
    timeout: 60_000,
  });
  rmSync(scratch, { recursive: true });
  const promised = [...program.matchAll(/console\.log\(.*\/\/ (.*)$/gmu)]
    .map(([, output]) => `${output}\n`)
    .join("");
  expect(stderr).toBe("");
  expect(stdout).toBe(promised);
});
