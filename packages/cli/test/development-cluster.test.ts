/** `titan dev` with real processes: what the study guide's reader wants to see happen. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestCluster } from "./support/dev-cluster.ts";
import { titan } from "./support/titan.ts";

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start(3);
}, 120_000);

afterAll(() => cluster[Symbol.asyncDispose]());

/** Repeats until it holds; a cluster takes a moment to notice what happened to it. */
async function eventually(what: string, holds: () => Promise<boolean>, limitMs = 30_000): Promise<void> {
  const deadlineMs = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > deadlineMs) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface StatusJson {
  readonly troubles: readonly string[];
  readonly nodes: readonly { readonly node: number; readonly address: string }[];
}

async function troubles(): Promise<readonly string[]> {
  return (JSON.parse(await cluster.ok(["status", "-o", "json"])) as StatusJson).troubles;
}

describe("a development cluster of three processes", () => {
  test("says how to use it, and the curl line that it prints works", async () => {
    expect(cluster.output).toContain("3 nodes serve after");
    await cluster.ok(["put", "greeting", "hello"]);
    const line = /curl -H '(?<header>[^']+)' (?<url>\S+) -d '(?<body>[^']+)'/.exec(cluster.output)?.groups;
    const answer = await fetch(`http://${line?.["url"]}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: line?.["body"] ?? "",
    });
    expect(await answer.json()).toMatchObject({ found: true, text: "hello" });
  });

  test("a killed node stays away until it is restarted, and nothing is lost", async () => {
    expect(await cluster.ok(["dev", "kill", "2"])).toContain("node 2 (B) killed");
    expect((await cluster.status()).nodes.map(({ state }) => state)).toEqual([
      "running",
      "stopped",
      "running",
    ]);
    await cluster.ok(["put", "while-b-is-away", "1", "--timeout", "30000"]);
    await eventually("the status names the node", async () =>
      (await troubles()).some((trouble) => trouble.includes("node 2") && trouble.includes("does not answer")),
    );
    expect(await cluster.ok(["dev", "restart", "B"])).toContain("node 2 (B) started");
    await eventually("all is well", async () => (await troubles()).length === 0);
    expect(await cluster.ok(["get", "while-b-is-away"])).toBe("1");
  });

  test("a paused node's time stands still, then it goes on", async () => {
    expect(await cluster.ok(["dev", "pause", "3"])).toContain("node 3 (C) paused");
    await cluster.ok(["put", "while-c-sleeps", "1", "--timeout", "30000"]);
    expect(await cluster.ok(["dev", "resume", "C"])).toContain("node 3 (C) goes on");
    await eventually("all is well", async () => (await troubles()).length === 0);
    expect(await cluster.ok(["get", "while-c-sleeps"])).toBe("1");
  });

  test("the minority side of a partition neither writes nor reads linearizably; the majority does both", async () => {
    const { nodes } = await cluster.status();
    const [a = "", , c = ""] = nodes.map(({ address }) => address);
    await cluster.ok(["put", "split", "before"]);
    expect(await cluster.ok(["dev", "partition", "[A,B] | [C]"])).toContain("cut: [A,B] | [C]");
    expect((await cluster.status()).cut).toEqual([
      [1, 3],
      [2, 3],
      [3, 1],
      [3, 2],
    ]);
    await cluster.ok(["put", "split", "during", "-e", a, "--timeout", "30000"]);

    const alone = { env: { TITAN_DEV_DIR: "", TITAN_ENDPOINT: c } };
    // Straight to the node, since a client would find the majority's nodes by itself.
    const call = async (method: string, body: object): Promise<{ status: number; text: string }> => {
      const answer = await fetch(`http://${c}/titan.kv.v1.KvService/${method}`, {
        method: "POST",
        headers: { "content-type": "application/json", "connect-timeout-ms": "1500" },
        body: JSON.stringify(body),
      });
      return { status: answer.status, text: await answer.text() };
    };
    const write = await call("Put", { key: "split", text: "from the minority" });
    expect(write.status).not.toBe(200);
    const strong = await call("Get", { key: "split" });
    expect(strong.status).not.toBe(200);
    const local = await call("Get", { key: "split", read: { level: "READ_LEVEL_LOCAL" } });
    expect(JSON.parse(local.text)).toMatchObject({ found: true, text: "before" });
    // A node asks the others before it answers, and takes a while to give those up that it cannot hear any more.
    await eventually("the status of the minority says so", async () =>
      (await cluster.run(["status"], alone)).stdout.includes("does not answer"),
    );

    expect(await cluster.ok(["dev", "heal"])).toContain("whole");
    await eventually("the minority has caught up", async () => {
      const answer = await call("Get", { key: "split" });
      return answer.status === 200 && (JSON.parse(answer.text) as { text?: string }).text === "during";
    });
  });

  test("one direction alone can be cut", async () => {
    await cluster.ok(["dev", "partition", "A>B"]);
    expect((await cluster.status()).cut).toEqual([[1, 2]]);
    await cluster.ok(["put", "one-way", "1", "--timeout", "30000"]);
    await cluster.ok(["dev", "heal"]);
    await eventually("all is well", async () => (await troubles()).length === 0);
  });

  test("a drained node leads nothing until that is undone", async () => {
    const led = async (): Promise<number> => {
      const nodes = JSON.parse(await cluster.ok(["nodes", "-o", "json"])) as {
        node: number;
        leads: number;
      }[];
      return nodes.find(({ node }) => node === 2)!.leads;
    };
    await cluster.ok(["transfer", "1", "2", "--timeout", "30000"]);
    expect(await cluster.ok(["drain", "2"])).toBe("node 2 leads nothing; it can be stopped\n");
    expect(await led()).toBe(0);
    expect(await cluster.ok(["drain", "2", "--undo"])).toBe("node 2 may lead again\n");
    await cluster.ok(["transfer", "1", "2", "--timeout", "30000"]);
    await eventually("it leads again", async () => (await led()) > 0);
  });

  test("a second cluster in the same directory is refused", async () => {
    const run = await cluster.run(["dev"]);
    expect(run).toMatchObject({ code: 12, stdout: "" });
    expect(run.stderr).toContain("runs in this directory already");
  });

  test("Ctrl-C stops every process, the data stays, and the next start goes on with it", async () => {
    const pids = (await cluster.status()).nodes.map(({ pid }) => pid!);
    expect(await cluster.down()).toBe(0);
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    await cluster.up();
    expect(cluster.output).toContain("the cluster as it was left");
    expect(await cluster.ok(["get", "while-b-is-away", "--timeout", "30000"])).toBe("1");
  });

  test("nodes end with a supervisor that is killed", async () => {
    const pids = (await cluster.status()).nodes.map(({ pid }) => pid!);
    await cluster.down("SIGKILL");
    await eventually("the nodes are gone", async () =>
      Promise.resolve(
        pids.every((pid) => {
          try {
            process.kill(pid, 0);
            return false;
          } catch {
            return true;
          }
        }),
      ),
    );
    await cluster.up();
    expect(await cluster.ok(["get", "greeting", "--timeout", "30000"])).toBe("hello");
  });
});

test("the partition story of five nodes goes as told", async () => {
  const directory = await mkdtemp(join(tmpdir(), "titan-story-"));
  const run = await titan(["dev", "--story", "partition", "--dir", directory]);
  await rm(directory, { recursive: true, force: true });
  expect({ code: run.code, stderr: run.stderr }).toEqual({
    code: 0,
    stderr: "",
  });
  expect(run.stdout.match(/^ {3}as told: /gm)?.length).toBe(6);
});
