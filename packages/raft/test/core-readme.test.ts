// Every piece of code in the README runs, as it stands there.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { encodeMessage } from "@titan-kv/raft";
import { describe, expect, it } from "vitest";

const run = promisify(execFile);
const directory = fileURLToPath(new URL("..", import.meta.url));
const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
const snippets = [...readme.matchAll(/^```ts\n(?<code>.*?)^```/gms)].map(
  (match) => match.groups?.["code"] ?? "",
);

/** What the comments behind the calls of console.log say that is printed. */
function promised(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\); \/\/ (?<text>[^:\n]+)/g)].map(
    (match) => match.groups?.["text"] ?? "",
  );
}

describe("the README", () => {
  it("has code in it", () => {
    expect(snippets.length).toBeGreaterThanOrEqual(5);
  });

  it.each(snippets.map((code, position) => [position + 1, code] as const))(
    "snippet %i runs",
    async (_, code) => {
      const flags = ["--conditions=@titan-kv/source", "--input-type=module-typescript", "--eval", code];
      const { stdout } = await run(process.execPath, flags, { cwd: directory });
      const printed = stdout.replaceAll("'", '"');
      for (const text of promised(code)) expect(printed).toContain(text);
    },
  );
});

describe("DESIGN.md", () => {
  it("shows the bytes of a message as they are", () => {
    const bytes = encodeMessage({ type: "heartbeat", from: 1, to: 2, term: 5, commit: 3, round: 7 });
    expect(Buffer.from(bytes).toString("hex")).toBe("01040102050307");
  });
});
