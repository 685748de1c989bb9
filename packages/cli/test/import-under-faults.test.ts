/**
 * The main job on real processes: a hundred thousand records go in while a node is killed, and come out again byte for
 * byte, also after everything has been restarted.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ContentSum } from "../src/transfer/content-sum.ts";
import { TestCluster } from "./support/dev-cluster.ts";
import { finish, startTitan } from "./support/titan.ts";

const entry = join(import.meta.dirname, "../src/main.ts");
const recordCount = 100_000;
/** Enough to be interrupted in the middle. */
const smallCount = 30_000;

let cluster: TestCluster;
let source: string;
/** What every record of the source adds up to. */
let sourceSum: string;

/** The n-th record: keys out of order, values of many lengths, some of them not text. */
function recordAt(index: number): { key: string; value: Buffer; line: string } {
  const key = `item/${String((index * 7919) % recordCount).padStart(6, "0")}${index % 50 === 0 ? "/é\u{1F600}" : ""}`;
  const value =
    index % 10 === 0
      ? Buffer.from(Array.from({ length: index % 40 }, (_, at) => (index * 31 + at * 17) % 256))
      : Buffer.from(`value of ${index} ${"·".repeat(index % 60)}`);
  const line =
    index % 10 === 0
      ? JSON.stringify({ key, base64: value.toString("base64") })
      : JSON.stringify({ key, value: value.toString("utf8") });
  return { key, value, line };
}

interface Report {
  readonly imported: number;
  readonly rejected: number;
  readonly importedBefore: number;
  readonly checksum: string;
}

function valueOf(line: string): Buffer {
  const { value, base64 } = JSON.parse(line) as { value?: string; base64?: string };
  return value === undefined ? Buffer.from(base64 ?? "", "base64") : Buffer.from(value);
}

beforeAll(async () => {
  cluster = await TestCluster.start(3);
  source = cluster.path("items.ndjson");
  const sum = new ContentSum();
  const lines: string[] = [];
  for (let index = 0; index < recordCount; index += 1) {
    const { key, value, line } = recordAt(index);
    sum.add(key, value);
    lines.push(line);
  }
  sourceSum = sum.toString();
  await writeFile(source, `${lines.join("\n")}\n`);
}, 120_000);

afterAll(() => cluster[Symbol.asyncDispose]());

/** Resolves when an import has saved how far it is: it is in the middle. */
async function importIsUnderWay(): Promise<void> {
  const directory = cluster.path("state", "titan-kv", "imports");
  while (!existsSync(directory) || !readdirSync(directory).some((name) => name.endsWith(".json"))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("an import of a hundred thousand records", () => {
  test("finishes although a node is killed in the middle", async () => {
    const child = startTitan(["import", source, "-o", "json"], { env: cluster.env, cwd: cluster.directory });
    const result = finish(child);
    await importIsUnderWay();
    await cluster.ok(["dev", "kill", "2"]);
    expect(child.exitCode).toBeNull();
    const { code, stdout, stderr } = await result;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout) as Report).toMatchObject({
      imported: recordCount,
      rejected: 0,
      checksum: sourceSum,
    });
  });

  test("and everything comes out byte for byte, in the order of the keys' bytes", async () => {
    await cluster.ok(["export", "out.ndjson"]);
    const exported = (await readFile(cluster.path("out.ndjson"), "utf8")).trimEnd().split("\n");
    const expected = Array.from({ length: recordCount }, (_, index) => recordAt(index)).toSorted(
      (one, other) => Buffer.from(one.key).compare(Buffer.from(other.key)),
    );
    expect(exported.length).toBe(recordCount);
    const differing = expected.findIndex(({ key, value }, index) => {
      const line = exported[index]!;
      return (JSON.parse(line) as { key: string }).key !== key || !valueOf(line).equals(value);
    });
    expect(differing).toBe(-1);
  });

  test("and everything is there after all nodes were stopped and started again", async () => {
    await cluster.ok(["dev", "restart", "2"]);
    expect(await cluster.down()).toBe(0);
    await cluster.up();
    const report = JSON.parse(await cluster.ok(["export", "again.ndjson", "-o", "json"])) as {
      records: number;
    };
    expect(report).toMatchObject({ records: recordCount, checksum: sourceSum });
  });

  test("that is interrupted by Ctrl-C goes on where it was, and writes nothing twice over", async () => {
    const small = cluster.path("small.ndjson");
    const lines = Array.from({ length: smallCount }, (_, index) => `${recordAt(index).line}\n`);
    await writeFile(small, lines.join(""));
    const words = ["import", small, "--prefix", "second/", "-o", "json"];
    const child = startTitan(words, { env: cluster.env, cwd: cluster.directory });
    const result = finish(child);
    await importIsUnderWay();
    child.kill("SIGINT");
    const interrupted = await result;
    expect(interrupted).toMatchObject({ code: 130, stdout: "" });
    expect(interrupted.stderr).toContain("run the same command again to go on from there");
    const before = Number(/(?<count>\d+) records are imported/.exec(interrupted.stderr)?.groups?.["count"]);
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(smallCount);

    const resumed = await cluster.run(words);
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).toContain(`going on after ${before} records`);
    const report = JSON.parse(resumed.stdout) as Report;
    expect(report).toMatchObject({ imported: smallCount, importedBefore: before, rejected: 0 });
    const exported = JSON.parse(
      await cluster.ok(["export", "second.ndjson", "--prefix", "second/", "-o", "json"]),
    ) as Report;
    expect(exported).toMatchObject({ records: smallCount, checksum: report.checksum });
    expect(readdirSync(cluster.path("state", "titan-kv", "imports"))).toEqual([]);
  });

  test.skipIf(!existsSync("/usr/bin/script"))(
    "on a terminal shows how far it is, and Ctrl-C there ends it as a signal does",
    async () => {
      const small = cluster.path("terminal.ndjson");
      const lines = Array.from({ length: smallCount }, (_, index) => `${recordAt(index).line}\n`);
      await writeFile(small, lines.join(""));
      const onTerminal = async (interrupt: boolean): Promise<{ code: number | null; text: string }> => {
        const words = [
          process.execPath,
          "--conditions=@titan-kv/source",
          entry,
          "import",
          small,
          "--prefix",
          "third/",
        ];
        // A terminal without size is taken for nobody.
        const command = `stty cols 80 rows 24; exec ${words.join(" ")}`;
        const child = spawn("script", ["--quiet", "--return", "--flush", "--command", command, "/dev/null"], {
          env: { ...process.env, TERM: "xterm", ...cluster.env },
          cwd: cluster.directory,
        });
        let text = "";
        child.stdout.on("data", (chunk: Buffer) => {
          text += chunk.toString();
          if (!interrupt || !/[1-9]%/.test(text)) return;
          interrupt = false;
          child.stdin.write("\u0003");
        });
        const [code] = (await once(child, "close")) as [number | null];
        return { code, text };
      };
      const interrupted = await onTerminal(true);
      expect(interrupted.text).toContain("run the same command again to go on from there");
      expect(interrupted.code).toBe(130);
      const finished = await onTerminal(false);
      expect(finished.text).toContain("█");
      expect(finished.text).toContain(`imported ${smallCount} records`);
      expect(finished.code).toBe(0);
    },
  );

  test("a tree of files goes in and comes out the same", async () => {
    const tree = join(import.meta.dirname, "../src");
    await cluster.ok(["import", tree, "--prefix", "tree/src/", "--include", "*.ts"]);
    await cluster.ok(["export", "tree", "--prefix", "tree/", "--format", "directory"]);
    const names = readdirSync(tree, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
    expect(names.length).toBeGreaterThan(50);
    for (const { name, parentPath } of names) {
      const original = join(parentPath, name);
      const copy = cluster.path("tree", "tree", "src", original.slice(tree.length + 1));
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await readFile(copy)).equals(await readFile(original))).toBe(true);
    }
  });
});
