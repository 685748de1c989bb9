/** The disk of every node fills up: writes are refused and say so, reads and deletes go on, and room ends it without a restart. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync, statfsSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { reservedBytes } from "../src/node/disk-space.ts";
import { ClusterProcesses } from "./support/cluster-processes.ts";

const kv = "titan.kv.v1.KvService";
const sizeMebibytes = 560;
const waitLimitMs = 20_000;

/** A file system in memory with so much room and no more; `undefined` where this process may not mount one. */
function mountSmallDisk(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined;
  const directory = mkdtempSync(join(tmpdir(), "titan-small-disk-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMebibytes}m`, "tmpfs", directory]);
  return mounted.status === 0 ? directory : undefined;
}

const disk = mountSmallDisk();
const systemTemporary = process.env["TMPDIR"];

afterEach(() => {
  if (systemTemporary === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = systemTemporary;
  if (disk === undefined) return;
  spawnSync("umount", [disk]);
  rmdirSync(disk);
});

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + waitLimitMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`it never happened that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test.skipIf(disk === undefined)(
  "a full disk refuses puts, serves the rest, and recovers when there is room",
  async () => {
    process.env["TMPDIR"] = disk;
    await using cluster = await ClusterProcesses.start(3);
    const put = (key: string): ReturnType<ClusterProcesses["call"]> =>
      cluster.call(1, `${kv}/Put`, { key, text: `value of ${key}` });
    for (let count = 0; count < 20; count += 1) expect((await put(`before-${count}`)).status).toBe(200);

    const filler = join(disk!, "filler");
    const { bavail, bsize } = statfsSync(disk!);
    const wanted = bavail * bsize - reservedBytes / 2;
    expect(wanted).toBeGreaterThan(0);
    writeFileSync(filler, Buffer.alloc(wanted));

    // A key for each attempt: nodes notice one after the other, and a put before that is taken and stays.
    let attempts = 0;
    let refused = await put("probe");
    await until("a put was refused", async () => {
      attempts += 1;
      refused = await put(`refused-${attempts}`);
      return refused.status !== 200;
    });
    expect(JSON.stringify(refused.body)).toContain("NO_SPACE");
    expect(JSON.stringify(refused.body)).toContain("NOT_APPLIED");
    const status = await cluster.call(1, "titan.cluster.v1.ClusterService/GetStatus", {});
    expect(JSON.stringify(status.body["alarms"])).toContain("NO_SPACE");

    for (const node of [1, 2, 3]) {
      const read = await cluster.call(node, `${kv}/Get`, { key: "before-7" });
      expect(read.body["text"]).toBe("value of before-7");
    }
    expect((await cluster.call(1, `${kv}/Delete`, { key: "before-0" })).status).toBe(200);
    expect((await cluster.call(2, `${kv}/Get`, { key: "before-0" })).body["found"] ?? false).toBe(false);

    unlinkSync(filler);
    await until("puts were taken again", async () => (await put("after")).status === 200);
    for (let count = 1; count < 20; count += 1) {
      const read = await cluster.call(3, `${kv}/Get`, { key: `before-${count}` });
      expect(read.body["text"]).toBe(`value of before-${count}`);
    }
    const read = await cluster.call(3, `${kv}/Get`, { key: `refused-${attempts}` });
    expect(read.body["found"] ?? false).toBe(false);
  },
);
