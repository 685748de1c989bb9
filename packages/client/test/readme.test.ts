import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as clientPackage from "../src/index.ts";
import * as webPackage from "../src/web.ts";
import { RealCluster } from "./support/real-cluster.ts";

const packageDirectory = fileURLToPath(new URL("..", import.meta.url));
const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
const snippets = [...readme.matchAll(/```ts\n(.*?)```/gsu)].map((match) => match[1] ?? "");

let cluster: RealCluster;

beforeAll(async () => {
  cluster = await RealCluster.start(1);
});

afterAll(() => cluster[Symbol.asyncDispose]());

describe("README.md", () => {
  it("begins with code", () => {
    expect(snippets.length).toBeGreaterThan(6);
    expect(readme.split("\n").slice(0, 20).join("\n")).toContain("```ts");
  });

  it.each(snippets.map((code, index) => [index + 1, code] as const))(
    "snippet %i prints what it says",
    async (_, code) => {
      // What a line prints stands behind it, that of a loop's second round behind the closing brace.
      const promised = [...code.matchAll(/^(?:.*console\.log\(.*\);|\}) \/\/ (.*)$/gmu)].map(
        (match) => match[1],
      );
      expect(promised.length).toBeGreaterThanOrEqual([...code.matchAll(/console\.log/gu)].length);
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [
          "--conditions=@titan-kv/source",
          "--input-type=module-typescript",
          "--eval",
          code.replaceAll("localhost:4100", cluster.seeds[0]!),
        ],
        { cwd: packageDirectory },
      );
      expect(stdout.trimEnd().split("\n")).toEqual(promised);
    },
  );

  it("names every function and class that the package exports", () => {
    const names = new Set([...Object.keys(clientPackage), ...Object.keys(webPackage)]);
    expect([...names].filter((name) => !readme.includes(name))).toEqual([]);
  });

  it("explains every error code", async () => {
    const source = await readFile(new URL("../src/errors/titan-error.ts", import.meta.url), "utf8");
    const codes = [...source.matchAll(/^ {2}\| "(\w+)"/gmu)].map((match) => match[1]!);
    expect(codes.length).toBeGreaterThan(15);
    expect(codes.filter((code) => !readme.includes(`| \`${code}\` |`))).toEqual([]);
  });

  it("names every option of connect", async () => {
    const source = await readFile(new URL("../src/node/connect-options.ts", import.meta.url), "utf8");
    const settings = source.slice(
      source.indexOf("interface ConnectSettings"),
      source.indexOf("interface RetryOptions"),
    );
    const names = [...settings.matchAll(/^ {2}readonly (\w+)/gmu)].map((match) => match[1]!);
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !readme.includes(`| \`${name}\` |`))).toEqual([]);
  });
});

describe("the build for browsers", () => {
  it("loads nothing of Node.js", async () => {
    const seen = new Set<string>();
    const builtIns: string[] = [];
    const visit = async (url: URL): Promise<void> => {
      if (seen.has(url.href)) return;
      seen.add(url.href);
      const source = await readFile(url, "utf8");
      for (const [, specifier = ""] of source.matchAll(/(?:from|import\()\s*"([^"]+)"/gu)) {
        if (specifier.startsWith(".")) await visit(new URL(specifier, url));
        else if (/^node:|connect-node|\/pipeline$/.test(specifier))
          builtIns.push(`${url.href}: ${specifier}`);
      }
    };
    await visit(new URL("../src/web.ts", import.meta.url));
    expect(seen.size).toBeGreaterThan(20);
    expect(builtIns).toEqual([]);
  });
});
