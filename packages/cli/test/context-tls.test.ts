/** A context that names certificates and a node that demands them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
// @boundaries-ignore certificates, for tests only
import { TestAuthority } from "../../server/test/edge/certificates.ts";
import { LoneServer, untilCode } from "./support/lone-server.ts";
import { type Run, titan } from "./support/titan.ts";

let directory: string;
let authority: TestAuthority;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "titan-tls-"));
  authority = await TestAuthority.create();
});

afterAll(async () => {
  await rm(authority.directory, { recursive: true, force: true });
  await rm(directory, { recursive: true, force: true });
});

describe("a context with certificates", () => {
  test("reaches a node that demands one, with data and operations; without them nothing does", async () => {
    const node = await authority.issue("node");
    const person = await authority.issue("person");
    await using server = await LoneServer.start(join(directory, "node"), [
      "--client-tls-cert-file",
      node.certFile,
      "--client-tls-key-file",
      node.keyFile,
      "--client-tls-ca-file",
      node.caFile,
      "--client-tls-client-auth",
      "require",
    ]);
    const env = { XDG_CONFIG_HOME: join(directory, "config") };
    const set = (name: string, flags: readonly string[]): Promise<Run> =>
      titan(["context", "set", name, "-e", server.endpoint, ...flags], { env });
    const files = ["--ca-file", person.caFile, "--cert-file", person.certFile, "--key-file", person.keyFile];
    expect(await set("safe", files)).toMatchObject({ code: 0, stderr: "" });
    expect(await titan(["context", "use", "safe"], { env })).toMatchObject({ code: 0 });
    expect(await untilCode(0, ["put", "secret", "1"], env)).toMatchObject({ code: 0 });
    expect(await titan(["get", "secret"], { env })).toMatchObject({ code: 0, stdout: "1" });
    expect((await titan(["status"], { env })).stdout).toContain("all is well");
    expect((await titan(["context", "list"], { env })).stdout).toMatch(/\* +safe .*yes/);

    await set("anonymous", ["--ca-file", person.caFile]);
    await set("missing", ["--ca-file", join(directory, "nothing.pem")]);
    const timeout = ["--timeout", "3000"];
    for (const command of [["get", "secret"], ["status"]]) {
      const anonymous = await titan([...command, "--context", "anonymous", ...timeout], { env });
      expect(anonymous).toMatchObject({ code: 5, stdout: "" });
      expect(anonymous.stderr).toMatch(/^titan: no node answers at [^\n]+certificate required[^\n]+\n$/);
      const inClear = await titan([...command, "-e", server.endpoint, ...timeout], { env });
      expect(inClear).toMatchObject({
        code: 5,
        stderr: expect.stringContaining("no node answers") as unknown,
      });
    }
    expect(await titan(["get", "secret", "--context", "missing"], { env })).toMatchObject({
      code: 12,
      stderr: expect.stringContaining("titan context set") as unknown,
    });
  }, 120_000);
});
