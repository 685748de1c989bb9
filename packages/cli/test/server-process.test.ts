/** `titan server` as a process: how it starts, why it refuses to, and how it ends. */
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "../src/dev/free-ports.ts";
import { finish, type Run, startTitan, titan } from "./support/titan.ts";

let directory: string;
let ports: number[];
const children = new Set<ChildProcessWithoutNullStreams>();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "titan-server-"));
  ports = await freePorts(6);
});

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rm(directory, { recursive: true, force: true });
});

/** Flags of a founder that is a cluster by itself. */
function founder(): string[] {
  const [client, peer] = ports;
  return [
    "--data-directory",
    join(directory, "one"),
    "--node-id",
    "1",
    "--cluster-initial-nodes",
    `1@127.0.0.1:${client}/127.0.0.1:${peer}`,
    "--cluster-replication-factor",
    "1",
    "--client-port",
    String(client),
    "--peer-port",
    String(peer),
    "--log-level",
    "error",
  ];
}

interface NodeRow {
  readonly node: number;
  readonly state: string;
}

interface ServerProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Run>;
}

/** Starts a node and waits until it serves. */
async function serve(flags: readonly string[]): Promise<ServerProcess> {
  const child = startTitan(["server", ...flags]);
  children.add(child);
  const ended = finish(child);
  void ended.then(() => children.delete(child));
  await Promise.race([
    once(child.stdout, "data"),
    ended.then(({ code, stderr }) => Promise.reject(new Error(`ended with ${code}: ${stderr}`))),
  ]);
  return { child, ended };
}

/** Runs a command until it succeeds: a cluster takes a moment to be founded. */
async function eventually(words: readonly string[]): Promise<Run> {
  for (let attempt = 0; ; attempt += 1) {
    const run = await titan([...words, "-e", `127.0.0.1:${ports[0]}`, "--timeout", "5000"]);
    if (run.code === 0 || attempt === 10) return run;
  }
}

describe("a node as a process", () => {
  test("is told whether its options are right without starting", async () => {
    const good = await titan(["server", "--check", ...founder()]);
    expect(good).toMatchObject({ code: 0, stdout: "the options are right\n" });
    const file = join(directory, "bad.toml");
    await writeFile(file, '[client]\nport = "x"\nhots = "y"\n');
    const bad = await titan(["server", "--check", "--config", file]);
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain("2 problems:");
    expect(bad.stderr).toContain('client.port: "x" is not allowed');
    expect(bad.stderr).toContain("did you mean client.host?");
  });

  test("says what is missing when it has neither a cluster nor one to join", async () => {
    const run = await titan([
      "server",
      "--data-directory",
      join(directory, "none"),
      "--client-port",
      "0",
      "--peer-port",
      "0",
    ]);
    expect(run.code).toBe(12);
    expect(run.stderr).toMatch(
      /titan: .*holds no node.*; found a cluster with --node-id .* or join one with --join\n$/,
    );
  });

  test("founds a cluster, refuses a second process in its directory and on its ports, and stops cleanly", async () => {
    const { child, ended } = await serve(founder());
    expect((await eventually(["put", "kept", "1"])).code).toBe(0);
    const second = await titan(["server", ...founder()]);
    expect(second.code).toBe(12);
    expect(second.stderr).toContain("is in use by another node");
    const elsewhere = founder().with(1, join(directory, "two"));
    const taken = await titan(["server", ...elsewhere]);
    expect(taken.code).toBe(12);
    expect(taken.stderr).toMatch(/the port cannot be opened: .*EADDRINUSE.*; stop what uses it/);
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("a second signal") as unknown,
    });
  });

  test("goes on with its data after a restart, without being told what it is a member of", async () => {
    const flags = founder();
    const withoutMembership = [...flags.slice(0, 2), ...flags.slice(8)];
    const { child, ended } = await serve(withoutMembership);
    expect((await eventually(["get", "kept"])).stdout).toBe("1");
    child.kill("SIGINT");
    expect((await ended).code).toBe(0);
  });

  test("joins a cluster by any member's address, takes another's place, and ends when it is removed", async () => {
    const joining = (name: string, client: number, peer: number): string[] =>
      Object.entries({
        "data-directory": join(directory, name),
        join: `127.0.0.1:${ports[0]}`,
        "client-port": client,
        "peer-port": peer,
        "log-level": "error",
      }).flatMap(([option, value]) => [`--${option}`, String(value)]);
    const states = async (): Promise<string[]> => {
      const nodes = JSON.parse((await eventually(["nodes", "-o", "json"])).stdout) as NodeRow[];
      return nodes.map(({ node, state }) => `${node} ${state}`);
    };
    const untilStatesAre = async (expected: readonly string[]): Promise<void> => {
      let found = await states();
      for (let attempt = 0; attempt < 60 && found.join() !== expected.join(); attempt += 1)
        found = await states();
      expect(found).toEqual(expected);
    };
    const one = await serve(founder());
    await eventually(["put", "kept", "1"]);
    const two = await serve(joining("two", ports[2]!, ports[3]!));
    await untilStatesAre(["1 active", "2 active"]);
    const three = await serve(joining("three", ports[4]!, ports[5]!));
    await untilStatesAre(["1 active", "2 active", "3 active"]);
    const expelled = {
      code: 11,
      stderr: expect.stringMatching(/titan: this node cannot go on: /) as unknown,
    };
    expect(await eventually(["remove", "3", "--yes"])).toMatchObject({ code: 0, stderr: "" });
    await untilStatesAre(["1 active", "2 active"]);
    expect(await three.ended).toMatchObject(expelled);
    // Nor does it come back when it is started again with what it has.
    const again = await titan(["server", ...joining("three", ports[4]!, ports[5]!)]);
    expect(again).toMatchObject(expelled);

    const four = await serve(joining("four", ports[4]!, ports[5]!));
    await untilStatesAre(["1 active", "2 active", "4 active"]);
    expect(await eventually(["replace", "2", "4", "--yes"])).toMatchObject({
      code: 0,
      stdout: "node 4 takes the place of node 2\n",
      stderr: "",
    });
    await untilStatesAre(["1 active", "4 active"]);
    expect(await two.ended).toMatchObject(expelled);
    expect(await eventually(["get", "kept"])).toMatchObject({ code: 0, stdout: "1" });
    for (const { child, ended } of [four, one]) {
      child.kill("SIGTERM");
      // oxlint-disable-next-line no-await-in-loop -- the last one has nobody to hand over to
      expect((await ended).code).toBe(0);
    }
  }, 120_000);
});
