import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseInitialNode } from "./initial-node.ts";
import { loadNodeOptions } from "./load-node-options.ts";
import { optionsAsMarkdown } from "./option-table.ts";

const documentUrl = new URL("../../CONFIGURATION.md", import.meta.url);
const begin = "<!-- options: begin -->\n";
const end = "\n<!-- options: end -->";

test("CONFIGURATION.md has the options as they are; write it anew with TITAN_WRITE_DOCUMENTS=1", () => {
  const document = readFileSync(documentUrl, "utf8");
  const [before = "", rest = ""] = document.split(begin, 2);
  expect(rest).toContain(end);
  const after = rest.slice(rest.indexOf(end));
  const wanted = before + begin + optionsAsMarkdown() + after;
  if (process.env["TITAN_WRITE_DOCUMENTS"] === "1") writeFileSync(documentUrl, wanted);
  else expect(document).toBe(wanted);
});

test("the example in CONFIGURATION.md is accepted as it stands", async () => {
  const example = /```toml\n([^]*?)```/.exec(readFileSync(documentUrl, "utf8"))?.[1] ?? "";
  const directory = mkdtempSync(join(tmpdir(), "titan-document-"));
  const file = join(directory, "titan.toml");
  writeFileSync(file, example);
  const options = await loadNodeOptions({ file });
  rmSync(directory, { recursive: true });
  expect(options.cluster.initialNodes.map(parseInitialNode).map(({ zone }) => zone)).toEqual(["a", "b", "c"]);
});
