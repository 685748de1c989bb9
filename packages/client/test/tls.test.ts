import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
// @boundaries-ignore certificates, for tests only
import { TestAuthority } from "../../server/test/edge/certificates.ts";
import { errorOf } from "./support/error-of.ts";
import { FakeCluster } from "./support/fake-cluster.ts";

interface Pem {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

let authority: TestAuthority;
let node: Pem;
let client: Pem;

async function issue(name: string): Promise<Pem> {
  const { caFile, certFile, keyFile } = await authority.issue(name);
  return { ca: readFileSync(caFile), cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

beforeAll(async () => {
  authority = await TestAuthority.create();
  node = await issue("node");
  client = await issue("client");
});

afterAll(() => rm(authority.directory, { recursive: true, force: true }));

describe("TLS", () => {
  it("protects every connection, also after a reconnect, with both ends' certificates", async () => {
    await using cluster = await FakeCluster.start({
      nodes: 2,
      tls: { ...node, requestCert: true, rejectUnauthorized: true },
    });
    const kv = await cluster.connect({ tls: { ...client, servername: "localhost" } });
    await kv.batch(
      Array.from({ length: 20 }, (_, index) => ({ kind: "put" as const, key: `k${index}`, value: "v" })),
    );
    for (const each of cluster.nodes) each.cut();
    expect(await kv.getMany(["k1", "k2"])).toHaveLength(2);
    expect((await kv.scan({ limit: 5 }).pages().next()).value?.entries).toHaveLength(5);
  });

  it("by the address alone trusts only whom the system trusts", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1, tls: node });
    const seeds = `https://${cluster.node(1).address}`;
    const error = await errorOf(cluster.connect({ seeds, connectTimeoutMs: 300 }));
    expect(error.code).toBe("UNAVAILABLE");
    expect(error.message).toMatch(/certificate/);
    const kv = await cluster.connect({ seeds, tls: { ca: node.ca, servername: "localhost" } });
    expect(await kv.get("k")).toBeUndefined();
  });

  it("is not what a client in clear can speak to", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1, tls: node });
    expect(await errorOf(cluster.connect({ connectTimeoutMs: 300 }))).toMatchObject({ code: "UNAVAILABLE" });
  });
});
