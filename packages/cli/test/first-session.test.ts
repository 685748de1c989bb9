/** The session of a new user, as the README has it, and the mistakes of one, each with its message and exit code. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { lstat, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exitCodeMeanings } from "../src/program/exit-code.ts";
import { TestCluster } from "./support/dev-cluster.ts";
import { titanInProcess } from "./support/in-process.ts";
import { finish, startTitan } from "./support/titan.ts";

const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");
const entry = join(import.meta.dirname, "../src/main.ts");

let cluster: TestCluster;
let firstPort: string;

beforeAll(async () => {
  cluster = await TestCluster.start(3);
  firstPort = (await cluster.status()).nodes[0]!.address.split(":")[1]!;
}, 120_000);

afterAll(() => cluster[Symbol.asyncDispose]());

interface Exchange {
  readonly command: string;
  readonly expected: string;
}

/** The commands of the README's session, each with what it prints. */
function session(): Exchange[] {
  const block = /```console\n(?<text>[\s\S]*?)```/.exec(readme)?.groups?.["text"] ?? "";
  return block
    .split(/^\$ /m)
    .filter((part) => part !== "")
    .map((part) => {
      const [command = "", ...lines] = part.trimEnd().split("\n");
      return { command, expected: lines.join("\n") };
    });
}

/** The text with its `…` as a pattern; columns may be wider or narrower by what stands for them. */
function pattern(expected: string): RegExp {
  const source = expected
    .split("…")
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(/ {2,}/g, " +"))
    .join("[^\\n]*");
  return new RegExp(`^${source}$`, "u");
}

function runInShell(command: string): string {
  const script = `titan() { "${process.execPath}" --conditions=@titan-kv/source "${entry}" "$@"; }\n${command}`;
  const { stdout, stderr } = spawnSync("bash", ["-c", `{ ${script}\n} 2>&1`], {
    cwd: cluster.directory,
    env: { ...process.env, NO_COLOR: "1", ...cluster.env },
    encoding: "utf8",
  });
  return (stdout + stderr).trimEnd();
}

/** The cluster of the test has other ports than that of the README. */
function atPort(text: string): string {
  return text.replaceAll("4100", firstPort);
}

describe("the session in the README", () => {
  test("has commands", () => expect(session().length).toBeGreaterThan(15));

  test.each(session())("$command", ({ command, expected }) => {
    expect(runInShell(atPort(command))).toMatch(pattern(atPort(expected)));
  });

  test("every command of the program is in the README's table", async () => {
    const help = await cluster.ok(["help"]);
    const commands = [...help.matchAll(/^ {2}(?<name>[a-z]+)[ [<]/gm)].map(
      ({ groups }) => groups?.["name"] ?? "",
    );
    expect(commands.length).toBeGreaterThan(20);
    for (const name of commands.filter((each) => each !== "help")) {
      expect({ name, isThere: new RegExp(`\`${name}\\b`).test(readme) }).toEqual({ name, isThere: true });
    }
  });

  test("help says what a command takes, with what all commands take", async () => {
    expect(await cluster.ok(["help", "get"])).toMatch(
      /--level <level>[\s\S]*Global Options:[\s\S]*--endpoint/,
    );
    expect(await cluster.ok(["help", "server"])).toContain("--client-port");
  });

  test("the table of exit codes is the program's", () => {
    for (const [code, meaning] of exitCodeMeanings) expect(readme).toContain(`| ${code} | ${meaning} |`);
  });
});

describe("titan watch", () => {
  test("prints changes as they happen, and goes on where it was when it is told to", async () => {
    const child = startTitan(["watch", "lamp/", "-o", "ndjson"], {
      env: cluster.env,
      cwd: cluster.directory,
    });
    const result = finish(child);
    const log: string[] = [];
    child.stdout.on("data", (chunk: Buffer) => log.push(chunk.toString()));
    // It has begun when it shows the first one of these.
    const first = once(child.stdout, "data").then(() => "begun" as const);
    for (let lit = "no"; lit !== "begun"; lit = await Promise.race([first, pause(50, "no")])) {
      await cluster.ok(["put", "lamp/hall", "on"]);
    }
    await cluster.ok(["put", "lamp/cellar", "-"], { input: Buffer.from([0xff]) });
    await cluster.ok(["put", "other", "not shown"]);
    await cluster.ok(["del", "lamp/hall"]);
    await expect.poll(() => log.join("").includes("delete"), { timeout: 10_000 }).toBe(true);
    child.kill("SIGINT");
    const { code, stdout, stderr } = await result;
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(code).toBe(130);
    expect(events.find(({ key }) => key === "lamp/cellar")).toMatchObject({ kind: "put", base64: "/w==" });
    expect(events.at(-1)).toMatchObject({
      kind: "delete",
      key: "lamp/hall",
      shard: expect.any(Number) as unknown,
    });
    const token = /to go on from here: --from (?<token>\S+)\n$/.exec(stderr)?.groups?.["token"] ?? "";
    expect(events.at(-1)?.["resumeToken"]).toBe(token);

    await cluster.ok(["put", "lamp/attic", "on"]);
    const words = ["watch", "lamp/", "--from", token, "--count", "1"];
    expect(await cluster.ok(words)).toMatch(/^put {5}lamp\/attic {2}\d+\/\d+ {2}on\n$/);
    expect(await cluster.ok([...words, "-o", "raw"])).toBe("put\tlamp/attic\ton\n");
    expect(JSON.parse(await cluster.ok([...words, "-o", "json"]))).toMatchObject([{ key: "lamp/attic" }]);
    expect(await cluster.run(["watch", "--from", "x"])).toMatchObject({
      code: 8,
      stderr: expect.stringContaining("not one that a watch returned") as unknown,
    });
  });
});

/** Nobody listens there. */
const nowhere = "127.0.0.1:1";

describe("mistakes and trouble", () => {
  const tooLarge = "x".repeat(1024 * 1024 + 1);

  test.each<{ name: string; words: string[]; input?: string; code: number; says: string[] }>([
    {
      name: "an unknown command",
      words: ["gte", "a"],
      code: 2,
      says: ["unknown command 'gte'", "titan help"],
    },
    {
      name: "an unknown flag",
      words: ["get", "a", "--lvel", "x"],
      code: 2,
      says: ["unknown option '--lvel'", "Did you mean --level"],
    },
    { name: "help for what does not exist", words: ["help", "gte"], code: 2, says: ['no command "gte"'] },
    { name: "a missing argument", words: ["get"], code: 2, says: ["missing required argument 'key'"] },
    { name: "too many arguments", words: ["get", "a", "b"], code: 2, says: ["too many arguments"] },
    {
      name: "a value out of range",
      words: ["scan", "--limit", "0"],
      code: 2,
      says: ["must be a whole number from 1"],
    },
    {
      name: "a format that does not exist",
      words: ["scan", "-o", "xml"],
      code: 2,
      says: ["table, json, ndjson, raw"],
    },
    {
      name: "flags that exclude each other",
      words: ["put", "a", "1", "--if-absent", "--if-revision", "3"],
      code: 2,
      says: ["only one of"],
    },
    {
      name: "an address that is none",
      words: ["get", "a", "-e", "no-port"],
      code: 2,
      says: ["not the address of a node", "host:port"],
    },
    {
      name: "a context that does not exist",
      words: ["get", "a", "--context", "prod"],
      code: 2,
      says: ['no context "prod"', "titan context set"],
    },
    {
      name: "an unreachable cluster, reading",
      words: ["get", "a", "-e", nowhere, "--timeout", "1500"],
      code: 5,
      says: ["no node answers at 127.0.0.1:1 (nothing listens there)", "--endpoint"],
    },
    {
      name: "an unreachable cluster, writing",
      words: ["put", "a", "1", "-e", nowhere, "--timeout", "1500"],
      code: 5,
      says: ["no node answers"],
    },
    {
      name: "an unreachable cluster, operating",
      words: ["status", "-e", nowhere],
      code: 5,
      says: ["no node answers", "titan dev"],
    },
    {
      name: "an unreachable cluster, importing",
      words: ["import", "-", "-e", nowhere],
      input: "{}",
      code: 5,
      says: ["no node answers"],
    },
    {
      name: "too large a value",
      words: ["put", "big"],
      input: tooLarge,
      code: 8,
      says: ["1048577 bytes", "1048576"],
    },
    { name: "too large a key", words: ["put", "k".repeat(5000), "1"], code: 8, says: ["5000 bytes", "4096"] },
    { name: "an empty key", words: ["put", "", "1"], code: 8, says: ["key", "empty"] },
    {
      name: "a file that is not there",
      words: ["put", "a", "--file", "nothing.bin"],
      code: 12,
      says: ["nothing.bin cannot be read"],
    },
    {
      name: "a source that is not there",
      words: ["import", "nothing.csv"],
      code: 12,
      says: ["nothing.csv cannot be read"],
    },
    {
      name: "a watch of two things",
      words: ["watch", "a", "--key", "b"],
      code: 2,
      says: ["not both"],
    },
    {
      name: "a batch that is not JSON",
      words: ["batch"],
      input: '{"put":"a","value":"1"}\n{',
      code: 2,
      says: ["line 2 is not JSON"],
    },
    {
      name: "a batch with an unknown field",
      words: ["batch"],
      input: '{"put":"a","valeu":"1"}',
      code: 2,
      says: ['line 1 has the field "valeu"', "value"],
    },
    {
      name: "a transaction across shards",
      words: ["txn"],
      input: '{"then":[{"put":"a","value":"1"},{"put":"b","value":"1"},{"put":"c","value":"1"}]}',
      code: 8,
      says: ["common part in braces"],
    },
    { name: "a node that does not exist", words: ["drain", "77"], code: 11, says: ["77"] },
    { name: "something that is no node", words: ["drain", "x"], code: 2, says: ["not the id of a node"] },
    { name: "a removal without a yes", words: ["remove", "3"], code: 2, says: ["cannot be undone", "--yes"] },
    {
      name: "a removal that would leave too few",
      words: ["remove", "3", "--yes"],
      code: 11,
      says: ["join another node first"],
    },
    {
      name: "a development node that does not exist",
      words: ["dev", "kill", "Z"],
      code: 2,
      says: ['no node "Z"', "1 (A)"],
    },
    {
      name: "no development cluster",
      words: ["dev", "kill", "1", "--dir", "elsewhere"],
      code: 5,
      says: ["no development cluster runs in", "titan dev"],
    },
    {
      name: "a wrong option of a node",
      words: ["server", "--clinet-port", "1"],
      code: 2,
      says: ["did you mean client-port"],
    },
    {
      name: "an export into a directory that is in use",
      words: ["export", ".", "--format", "directory"],
      code: 2,
      says: ["is not empty"],
    },
  ])("$name is code $code", async ({ words, input, code, says }) => {
    const { env } = cluster;
    const run = await titanInProcess(words, input === undefined ? { env } : { env, input });
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code, stderr: expect.any(String) as unknown });
    expect(run.stderr).toMatch(/^titan: [^\n]+\n$/);
    for (const part of says) expect(run.stderr).toContain(part);
  });

  test("--debug prints where an error comes from, below its line", async () => {
    const { stderr } = await cluster.run(["get", "a", "-e", nowhere, "--timeout", "500", "--debug"]);
    expect(stderr).toMatch(/^titan: no node answers[^\n]+\n[\s\S]*caused by /);
  });

  test("no leader: the shards without one are named, a write is not applied, and status says why", async () => {
    await cluster.ok(["dev", "kill", "2,3"]);
    const run = await cluster.run(["put", "nobody-leads", "1", "--timeout", "4000"]);
    expect([6, 7]).toContain(run.code);
    expect(run.stderr).toMatch(/no leader for .*shard \d+ \(2 of 3 replicas gone\)/);
    expect(run.stderr).toContain("titan status");
    expect((await cluster.run(["status"])).stdout).toContain("has no leader: 2 of its 3 replicas are gone");
    const doctor = await cluster.run(["doctor"]);
    expect(doctor.code).toBe(13);
    expect(doctor.stdout).toContain("has no leader");
    await cluster.ok(["dev", "restart", "2,3"]);
    await cluster.ok(["put", "somebody-leads", "1", "--timeout", "30000"]);
  });

  test.skipIf(!existsSync("/dev/full"))(
    "a disk that is full where an export goes is code 10 and leaves nothing behind",
    async () => {
      await writeFile(cluster.path("one.ndjson"), '{"key":"full/1","value":"1"}\n');
      await cluster.ok(["import", "one.ndjson"]);
      // A link, so that a program that replaces its target replaces the link and not the device.
      await symlink("/dev/full", cluster.path("full.ndjson"));
      const run = await cluster.run(["export", "full.ndjson", "--prefix", "full/"]);
      expect(run).toMatchObject({ code: 10, stdout: "" });
      expect(run.stderr).toMatch(/^titan: this machine's disk is full: .*; make room/);
      expect((await lstat(cluster.path("full.ndjson"))).isSymbolicLink()).toBe(true);
      expect(await readdir(cluster.directory)).not.toContain("full.ndjson.partial");
    },
  );
});
