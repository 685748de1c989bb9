/** Backups as operators make them: with `titan`, on real clusters. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { resolveTarget } from "../src/connection/target.ts";
import { withMaintenance } from "../src/maintenance/maintenance-client.ts";
import { ExitCode } from "../src/program/exit-code.ts";
import { TestCluster } from "./support/dev-cluster.ts";
import { finish, startTitan } from "./support/titan.ts";

const records = 3000;

function lines(): string {
  return Array.from(
    { length: records },
    (_, index) => `${JSON.stringify({ key: `key-${index}`, value: `value ${index} ${"x".repeat(400)}` })}\n`,
  ).join("");
}

/** Bytes of a file; 0 when there is none. */
async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

interface Saved {
  readonly keys: number;
  readonly sha256: string;
  readonly shards: readonly unknown[];
}

test("a cluster is saved, checked, and restored into another one, byte for byte", async () => {
  await using source = await TestCluster.start(3);
  await source.ok(["import", "-", "--format", "ndjson"], { input: lines() });
  const file = source.path("backup.titan");
  const saved = JSON.parse(await source.ok(["snapshot", "save", file, "-o", "json"])) as Saved;
  expect(saved).toMatchObject({ keys: records });
  expect(saved.shards).toHaveLength(3);
  const exported = await source.ok(["export"]);

  // A node that dies in the middle is replaced by the next one.
  const words = ["snapshot", "save", source.path("other.titan"), "--max-rate", "400KiB", "-o", "json"];
  const child = startTitan(words, { env: source.env, cwd: source.directory });
  const saving = finish(child);
  await expect
    .poll(() => sizeOf(source.path("other.titan.partial")), { timeout: 20_000 })
    .toBeGreaterThan(100_000);
  await source.ok(["dev", "kill", "1"]);
  const other = await saving;
  expect([other.code, other.stderr]).toEqual([ExitCode.Ok, ""]);
  expect(JSON.parse(other.stdout)).toMatchObject({ keys: records });
  await source.ok(["dev", "restart", "1"]);

  // The name stands for a whole file, always.
  const again = await source.run(["snapshot", "save", file]);
  expect([again.code, again.stderr]).toEqual([ExitCode.Usage, expect.stringContaining("--overwrite")]);
  const verified = JSON.parse(await source.ok(["snapshot", "verify", file, "-o", "json"])) as Saved;
  expect(verified).toEqual(saved);
  const bytes = await readFile(file);
  bytes[Math.floor(bytes.length / 2)]! ^= 1;
  await writeFile(source.path("damaged.titan"), bytes);
  await writeFile(source.path("cut.titan"), bytes.subarray(0, bytes.length / 4));
  for (const name of ["damaged.titan", "cut.titan"]) {
    const run = await source.run(["snapshot", "verify", source.path(name)]);
    expect([run.code, run.stdout]).toEqual([ExitCode.Local, ""]);
    expect(run.stderr).toMatch(
      /^titan: .*the snapshot cannot be used: .*; use another copy, or save again\n$/,
    );
  }

  // Refused, and nothing has changed.
  const refused = await source.run(["snapshot", "restore", file]);
  expect([refused.code, refused.stderr]).toEqual([
    ExitCode.NotAllowed,
    expect.stringContaining("the cluster holds data"),
  ]);
  expect(await source.ok(["export"])).toBe(exported);
  expect(await source.ok(["check"])).toMatch(/sound/);
  const alarms = await source.run(["alarms"]);
  expect([alarms.code, alarms.stderr]).toEqual([ExitCode.Ok, "no alarms\n"]);

  await using target = await TestCluster.start(1);
  const damaged = await target.run(["snapshot", "restore", source.path("damaged.titan")]);
  expect(damaged.code).toBe(ExitCode.Local);
  expect(await target.ok(["snapshot", "restore", file])).toContain(`${records} keys restored into 1 shards`);
  expect(await target.ok(["export"])).toBe(exported);
});

test("a backup that is interrupted, or has no room, leaves nothing behind", async () => {
  await using cluster = await TestCluster.start(1);
  await cluster.ok(["import", "-", "--format", "ndjson"], { input: lines() });
  const words = ["snapshot", "save", cluster.path("backup.titan"), "--max-rate", "100KiB"];
  const child = startTitan(words, { env: cluster.env, cwd: cluster.directory });
  const run = finish(child);
  await expect.poll(() => sizeOf(cluster.path("backup.titan.partial"))).toBeGreaterThan(0);
  child.kill("SIGINT");
  expect((await run).code).toBe(ExitCode.Interrupted);
  expect((await readdir(cluster.directory)).filter((name) => name.startsWith("backup"))).toEqual([]);

  // A limit on the size of files stands for a disk without room: the system refuses to write more.
  const limited = spawn(
    "bash",
    [
      "-c",
      'trap "" XFSZ; ulimit -f 200; exec "$@"',
      "bash",
      process.execPath,
      "--conditions=@titan-kv/source",
    ].concat(new URL("../src/main.ts", import.meta.url).pathname, ["snapshot", "save", "backup.titan"]),
    { env: { ...process.env, ...cluster.env }, cwd: cluster.directory },
  );
  let stderr = "";
  limited.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(limited, "close")) as [number];
  expect([code, stderr]).toEqual([ExitCode.Local, expect.stringContaining("EFBIG")]);
  expect((await readdir(cluster.directory)).filter((name) => name.startsWith("backup"))).toEqual([]);
});

test("a restore that is interrupted is seen, and is begun again or abandoned", async () => {
  await using cluster = await TestCluster.start(1);
  await cluster.ok(["import", "-", "--format", "ndjson"], { input: lines() });
  const file = cluster.path("backup.titan");
  await cluster.ok(["snapshot", "save", file]);

  await using target = await TestCluster.start(3);
  const cluster3 = await resolveTarget({}, target.env);
  const bytes = await readFile(file);
  const controller = new AbortController();
  async function* half(): AsyncGenerator<object> {
    const data = bytes.subarray(0, bytes.length / 2);
    yield { chunk: { offset: 0n, data, checksum: crc32(data) } };
    await expect.poll(() => target.run(["alarms"]).then(({ stdout }) => stdout)).toContain("restoring");
    controller.abort();
  }
  const { signal } = controller;
  await expect(
    withMaintenance(cluster3.urls[0]!, cluster3, (rpc) => rpc.restoreSnapshot(half(), { signal })),
  ).rejects.toThrow(/abort/);
  expect(await target.ok(["status"])).toContain("restore not finished");
  const closed = await target.run(["get", "key-1", "--timeout", "500"]);
  expect(closed.code).toBe(ExitCode.Unavailable);
  const refused = await target.run(["snapshot", "restore", file]);
  expect([refused.code, refused.stderr]).toEqual([ExitCode.NotAllowed, expect.stringContaining("--restart")]);
  expect(await target.ok(["snapshot", "abandon"])).toContain("serves");
  expect(await target.ok(["export"])).toBe("");
  await target.ok(["snapshot", "restore", file]);
  expect(await target.ok(["export"])).toBe(await cluster.ok(["export"]));
});
