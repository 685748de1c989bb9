import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import * as ringPackage from "@titan-kv/ring";
import { assignSlots, HashRing, hashKey, slotOf } from "@titan-kv/ring";
import { balanceTable } from "./balance-table.ts";

const packageDirectory = fileURLToPath(new URL("..", import.meta.url));
const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
const snippets = [...readme.matchAll(/```ts\n(.*?)```/gsu)].map((match) => match[1] ?? "");

/** Cells of the table whose header row begins with `firstHeader`, without code marks. */
function tableRows(firstHeader: string): string[][] {
  const lines = readme.split("\n");
  const header = lines.findIndex((line) => line.startsWith(`| ${firstHeader} |`));
  const rows: string[][] = [];
  for (const line of lines.slice(header + 2)) {
    if (!line.startsWith("|")) break;
    rows.push(
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll("`", "")),
    );
  }
  return rows;
}

describe("README.md", () => {
  it("has snippets, and one of them in the first twenty lines", () => {
    expect(snippets.length).toBeGreaterThan(3);
    expect(readme.split("\n").slice(0, 20).join("\n")).toContain("```ts");
  });

  it.each(snippets.map((code, index) => [index + 1, code] as const))(
    "snippet %i prints what it says",
    async (_, code) => {
      const promised = [...code.matchAll(/^\s*console\.log\(.*\); \/\/ (.*)$/gmu)].map((match) => match[1]);
      expect(promised).toHaveLength([...code.matchAll(/console\.log/gu)].length);
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ["--conditions=@titan-kv/source", "--input-type=module-typescript", "--eval", code],
        { cwd: packageDirectory },
      );
      expect(stdout.trimEnd().split("\n")).toEqual(promised);
    },
  );

  it("names every function and class that the package exports", () => {
    expect(Object.keys(ringPackage).filter((name) => !readme.includes(name))).toEqual([]);
  });

  it("explains every error code", async () => {
    const source = await readFile(new URL("../src/ring-error.ts", import.meta.url), "utf8");
    const codes = [...source.matchAll(/^ {2}\| "(\w+)"/gmu)].map((match) => match[1]);
    expect(codes.length).toBeGreaterThan(5);
    expect(tableRows("code").map((row) => row[0])).toEqual(codes);
  });

  it("shows the balance and movement that the script computes", () => {
    expect(readme).toContain(balanceTable());
  });
});

describe("the test vectors in README.md", () => {
  it("hold for keys", () => {
    const rows = tableRows("key | bytes");
    expect(rows.length).toBeGreaterThan(10);
    for (const [key = "", bytes, hash, slot] of rows) {
      expect(Buffer.from(key).toString("hex")).toBe(bytes?.replaceAll(" ", ""));
      expect(hashKey(key)).toBe(Number(hash));
      expect(slotOf(key)).toBe(Number(slot));
    }
  });

  it("hold for a ring with zones and weights and for its slot table", () => {
    const ring = new HashRing([
      { id: "a1", zone: "a" },
      { id: "a2", zone: "a" },
      { id: "b1", zone: "b", weight: 2 },
      "c1",
    ]);
    const table = assignSlots(ring, { maxLoad: 1.05 });
    const rows = tableRows("key | owner");
    expect(rows.length).toBeGreaterThan(5);
    for (const [key = "", owner, replicas, slotOwner] of rows) {
      expect(ring.getNode(key)).toBe(owner);
      expect(ring.getReplicas(key, 4).join(" ")).toBe(replicas);
      expect(table.getNode(key)).toBe(slotOwner);
    }
    const members = tableRows("member | points");
    const shares = ring.ownership();
    expect(members.map((row) => row[0])).toEqual([...shares.keys()]);
    for (const [id = "", points, positions, slots] of members) {
      expect(Number(points)).toBe(150 * (ring.member(id)?.weight ?? 0));
      expect((shares.get(id) ?? 0) * 2 ** 32).toBe(Number(positions?.replaceAll(",", "")));
      expect(table.counts().get(id)).toBe(Number(slots?.replaceAll(",", "")));
    }
  });
});
