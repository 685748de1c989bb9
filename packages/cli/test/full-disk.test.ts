/**
 * An import into a cluster whose disk becomes full: it says so, nothing of it is lost, and it goes on when there is room.
 * The disk is a file system in memory that is made smaller and larger, which only root may do.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LoneServer, untilCode } from "./support/lone-server.ts";
import { finish, startTitan, titan } from "./support/titan.ts";

const recordCount = 150_000;
let directory: string;
let disk: string;
let mayMount = false;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "titan-full-"));
  disk = join(directory, "disk");
  await mkdir(disk);
  mayMount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2g", "tmpfs", disk]).status === 0;
});

afterAll(async () => {
  if (mayMount) execFileSync("umount", ["--lazy", disk]);
  await rm(directory, { recursive: true, force: true });
});

/** Makes the disk so large, all that it holds included. */
function resize(size: string): void {
  execFileSync("mount", ["-o", `remount,size=${size}`, disk]);
}

describe("an import while the disk becomes full", () => {
  test("stops with code 10, leaves reads and deletes working, and goes on when there is room", async (context) => {
    if (!mayMount) context.skip("only root may mount a file system");
    await using server = await LoneServer.start(join(disk, "node"));
    const state = join(directory, "state");
    const env = { TITAN_ENDPOINT: server.endpoint, XDG_STATE_HOME: state };
    expect((await untilCode(0, ["put", "before", "1"], env)).code).toBe(0);
    const source = join(directory, "items.ndjson");
    const lines = Array.from(
      { length: recordCount },
      (_, index) => `{"key":"item/${index}","value":"v${index}"}\n`,
    );
    await writeFile(source, lines.join(""));

    const child = startTitan(["import", source], { env });
    const result = finish(child);
    const imports = join(state, "titan-kv", "imports");
    while (!existsSync(imports) || (await readdir(imports)).length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    // Less than the part that nodes keep in reserve.
    resize("120m");
    const stopped = await result;
    expect(stopped).toMatchObject({ code: 10, stdout: "" });
    expect(stopped.stderr).toContain("run the same command again to go on from there");
    expect(stopped.stderr).toMatch(
      /\ntitan: [^\n]*disk[^\n]*; make room on the disk; deletes and reads still work\n$/,
    );
    expect(await titan(["put", "more", "1"], { env })).toMatchObject({ code: 10 });
    expect(await titan(["get", "item/0"], { env })).toMatchObject({ code: 0, stdout: "v0" });
    expect(await titan(["del", "before"], { env })).toMatchObject({ code: 0 });

    resize("2g");
    expect(await untilCode(0, ["put", "more", "1"], env)).toMatchObject({ code: 0 });
    const finished = await titan(["import", source, "-o", "json"], { env });
    expect(finished.stderr).toMatch(/^going on after \d+ records/);
    const report = JSON.parse(finished.stdout) as { imported: number; checksum: string };
    expect(report.imported).toBe(recordCount);
    const target = join(directory, "out.ndjson");
    const exported = await titan(["export", target, "--prefix", "item/", "-o", "json"], { env });
    expect(JSON.parse(exported.stdout)).toMatchObject({ records: recordCount, checksum: report.checksum });
  }, 120_000);
});
