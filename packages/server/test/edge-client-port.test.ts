import { execFile } from "node:child_process";
import http2 from "node:http2";
import net from "node:net";
import { promisify } from "node:util";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { KvService } from "@titan-kv/proto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ClientPort } from "../src/http/client-port.ts";
import { fromConnectError } from "../src/http/error-mapping.ts";
import { defaultPortLimits } from "../src/http/port-limits.ts";
import { TlsFiles } from "../src/http/tls-files.ts";
import { type CertificateFiles, TestAuthority } from "./edge/certificates.ts";
import { kvRoutes, openTestPort, urlOf } from "./edge/test-port.ts";

const run = promisify(execFile);
let port: ClientPort;

afterEach(() => port.stop(0));

/** Sends bytes to a port and returns everything it answers until it closes the connection. */
function exchange(target: ClientPort, pieces: readonly (string | Buffer)[], gapMs = 0): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(target.address.port, "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk) => (answer += chunk.toString("latin1")));
    socket.on("error", () => resolve(answer));
    socket.on("close", () => resolve(answer));
    socket.setTimeout(20_000, () => reject(new Error("the port left the connection open")));
    const send = async (): Promise<void> => {
      for (const piece of pieces) {
        socket.write(piece);
        // oxlint-disable-next-line no-await-in-loop -- pieces are sent one after the other
        await new Promise((done) => setTimeout(done, gapMs));
      }
    };
    send().catch(reject);
  });
}

describe("one port in clear", () => {
  test("curl writes a key as JSON, over HTTP/1.1 and over HTTP/2", async () => {
    port = await openTestPort();
    for (const version of ["--http1.1", "--http2-prior-knowledge"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { stdout } = await run("curl", [
        "-s",
        version,
        "-H",
        "content-type: application/json",
        "-d",
        '{"key":"user:1","text":"hello"}',
        "-w",
        "\n%{http_code} %{http_version}",
        `${urlOf(port)}/titan.kv.v1.KvService/Put`,
      ]);
      const [body, status] = stdout.split("\n");
      expect(JSON.parse(body ?? "")).toEqual({ result: { applied: true, keyRevision: "5" } });
      expect(status).toBe(version === "--http1.1" ? "200 1.1" : "200 2");
    }
  });

  test("Connect, gRPC and gRPC-Web reach the same service", async () => {
    port = await openTestPort();
    const baseUrl = urlOf(port);
    const transports = [
      createConnectTransport({ baseUrl, httpVersion: "1.1" }),
      createConnectTransport({ baseUrl, httpVersion: "2" }),
      createGrpcTransport({ baseUrl }),
      createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
      createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
    ];
    for (const transport of transports) {
      const kv = createClient(KvService, transport);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const answer = await kv.put({ key: "k", payload: { case: "text", value: "four" } });
      expect(answer.result?.keyRevision).toBe(4n);
    }
  });

  test("an API error arrives with its detail, a defect without its message", async () => {
    port = await openTestPort();
    const kv = createClient(KvService, createGrpcTransport({ baseUrl: urlOf(port) }));
    const failure = await kv.put({ key: "fail" }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConnectError);
    expect(fromConnectError(failure as ConnectError)).toMatchObject({
      reason: "SLOT_MOVING",
      outcome: "NOT_APPLIED",
      retryAfterMs: 7,
    });
    const defect = (await kv.put({ key: "defect" }).catch((error: unknown) => error)) as ConnectError;
    expect(defect.code).toBe(Code.Internal);
    expect(defect.message).not.toContain("secret");
    expect(fromConnectError(defect).outcome).toBe("UNKNOWN");
  });

  test("pages are served, other paths are not found, other methods refused", async () => {
    port = await openTestPort();
    expect(await (await fetch(`${urlOf(port)}/livez`)).text()).toBe("alive\n");
    expect((await fetch(`${urlOf(port)}/nothing`)).status).toBe(404);
    expect((await fetch(`${urlOf(port)}/livez`, { method: "POST" })).status).toBe(405);
  });

  test("a request split into single bytes is understood, whichever protocol it speaks", async () => {
    port = await openTestPort();
    const request = "GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    expect(await exchange(port, request.split(""), 1)).toContain("alive");
  });
});

describe("what the port refuses", () => {
  test("a message above the limit, without reading it all", async () => {
    port = await openTestPort({ limits: { ...defaultPortLimits, maxRequestBytes: 1000 } });
    const kv = createClient(KvService, createGrpcTransport({ baseUrl: urlOf(port) }));
    const refused = kv.put({ key: "k", payload: { case: "value", value: new Uint8Array(2000) } });
    await expect(refused).rejects.toMatchObject({ code: Code.ResourceExhausted });
  });

  test("headers above the limit", async () => {
    port = await openTestPort({ limits: { ...defaultPortLimits, maxHeaderBytes: 2048 } });
    const answer = await exchange(port, [`GET /livez HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(5000)}\r\n\r\n`]);
    expect(answer).toContain("431");
  });

  test("connections above the limit", async () => {
    port = await openTestPort({ limits: { ...defaultPortLimits, maxConnections: 1 } });
    const first = net.connect(port.address.port, "127.0.0.1");
    await new Promise((resolve) => first.once("connect", resolve));
    while (port.connections === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await exchange(port, ["GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"])).toBe("");
    first.destroy();
  });

  test("slow clients: silent ones, half a header, half a body in either version of HTTP", async () => {
    port = await openTestPort({
      limits: { ...defaultPortLimits, headersTimeoutMs: 200, requestTimeoutMs: 400, idleTimeoutMs: 60_000 },
    });
    expect(await exchange(port, [])).toBe("");
    expect(await exchange(port, ["POST /x HTTP/1.1\r\nhost:"])).toContain("408");
    const head = "POST /titan.kv.v1.KvService/Put HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    expect(await exchange(port, [`${head}content-length: 100\r\n\r\n{`])).toContain("408");

    const session = http2.connect(urlOf(port));
    const stream = session.request({
      ":method": "POST",
      ":path": "/titan.kv.v1.KvService/Put",
      "content-type": "application/json",
    });
    stream.on("error", () => undefined);
    stream.write("{");
    await new Promise((resolve) => stream.once("close", resolve));
    session.destroy();
  });

  test("bytes that are no protocol, and requests without a host, without harm to others", async () => {
    port = await openTestPort();
    expect(await exchange(port, [Buffer.from([1, 2, 3, 4, 5, 6, 7, 8, 10, 10])])).toContain("400");
    expect(
      await exchange(port, ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense and more nonsense"]),
    ).toBeDefined();
    const noHost =
      "POST /titan.kv.v1.KvService/Put HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    expect(await exchange(port, [noHost])).toContain("400");
    const badHost = noHost.replace("1.0\r\n", "1.1\r\nhost: a b\r\nconnection: close\r\n");
    expect(await exchange(port, [badHost])).toContain("400");
    expect((await fetch(`${urlOf(port)}/livez`)).status).toBe(200);
  });
});

describe("pages of other origins", () => {
  const put = "/titan.kv.v1.KvService/Put";

  function preflight(origin: string, path = put): Promise<Response> {
    return fetch(`${urlOf(port)}${path}`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
      },
    });
  }

  test("are refused unless the operator allowed them", async () => {
    port = await openTestPort({
      origins: { allowedOrigins: ["https://app.example.org"], hostNames: [], loopbackOnly: false },
    });
    expect((await preflight("https://evil.example")).status).toBe(403);
    const allowed = await preflight("https://app.example.org");
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://app.example.org");
    expect(allowed.headers.get("access-control-allow-headers")?.toLowerCase()).toContain(
      "connect-protocol-version",
    );
  });

  test("are refused when they only pretend to be this node by its address", async () => {
    const origins = { allowedOrigins: [], hostNames: ["db.example"], loopbackOnly: true };
    port = await openTestPort({ origins });
    const request = (host: string, headers = ""): Promise<string> =>
      exchange(port, [`GET /livez HTTP/1.1\r\nhost: ${host}\r\n${headers}connection: close\r\n\r\n`]);
    const { port: number } = port.address;
    for (const own of [
      `127.0.0.1:${number}`,
      `localhost:${number}`,
      `[::1]:${number}`,
      `db.example:${number}`,
    ]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await request(own)).toContain("200 OK");
      // oxlint-disable-next-line no-await-in-loop
      expect(await request(own, `origin: http://${own}\r\n`)).toContain("200 OK");
    }
    const rebound = `rebound.example:${number}`;
    expect(await request(rebound)).toContain("403");
    expect(await request(rebound, `origin: http://${rebound}\r\n`)).toContain("403");
    await port.stop(0);
    // Elsewhere names are the operator's business, but not origins.
    port = await openTestPort({ origins: { ...origins, loopbackOnly: false } });
    expect(await request(rebound)).toContain("200 OK");
    expect(await request(rebound, `origin: http://${rebound}\r\n`)).toContain("403");
  });
});

describe("inside TLS", () => {
  let authority: TestAuthority;
  let files: CertificateFiles;
  beforeAll(async () => {
    authority = await TestAuthority.create();
    files = await authority.issue("node");
  });

  test("ALPN chooses HTTP/1.1 or HTTP/2 on the same port", async () => {
    const tls = { files: await TlsFiles.load(files), requireClientCertificate: false };
    port = await openTestPort({ tls });
    for (const version of ["--http1.1", "--http2"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { stdout } = await run("curl", [
        "-s",
        version,
        "--cacert",
        files.caFile,
        "-w",
        " %{http_version}",
        `${urlOf(port, "https")}/livez`,
      ]);
      expect(stdout).toBe(version === "--http1.1" ? "alive\n 1.1" : "alive\n 2");
    }
  });

  test("a client without a certificate is refused when one is required", async () => {
    const tls = { files: await TlsFiles.load(files), requireClientCertificate: true };
    port = await openTestPort({ tls });
    const url = `${urlOf(port, "https")}/livez`;
    await expect(run("curl", ["-s", "--cacert", files.caFile, url])).rejects.toThrow("Command failed");
    const client = await authority.issue("client");
    const { stdout } = await run("curl", [
      "-s",
      "--cacert",
      files.caFile,
      "--cert",
      client.certFile,
      "--key",
      client.keyFile,
      url,
    ]);
    expect(stdout).toBe("alive\n");
  });

  test("clear text on a TLS port harms nobody", async () => {
    port = await openTestPort({
      tls: { files: await TlsFiles.load(files), requireClientCertificate: false },
    });
    await exchange(port, ["GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"]);
    const { stdout } = await run("curl", ["-s", "--cacert", files.caFile, `${urlOf(port, "https")}/livez`]);
    expect(stdout).toBe("alive\n");
  });

  test("a replaced certificate is used by the next connection, a broken one is not", async () => {
    const own = await authority.issue("rotated");
    const tlsFiles = await TlsFiles.load(own);
    port = await openTestPort({ tls: { files: tlsFiles, requireClientCertificate: false } });
    const serial = async (): Promise<string> => {
      const { stdout } = await run("curl", [
        "-s",
        "--cacert",
        own.caFile,
        "-o",
        "/dev/null",
        "-w",
        "%{certs}",
        `${urlOf(port, "https")}/livez`,
      ]);
      return /Serial Number:\s*(\S+)/.exec(stdout)?.[1] ?? stdout;
    };
    const before = await serial();
    const kept = authority.directory;
    tlsFiles.watch(() => undefined);
    await authority.issue("rotated");
    await expect.poll(serial, { timeout: 10_000 }).not.toBe(before);
    tlsFiles.close();
    const after = await serial();
    const { writeFileSync } = await import("node:fs");
    writeFileSync(`${kept}/rotated.key`, "not a key");
    await expect(tlsFiles.reload()).rejects.toThrow(/PEM|DECODER|no start line/i);
    expect(await serial()).toBe(after);
  });
});

describe("stopping", () => {
  test("lets a call finish, ends streams with an error, closes idle connections, and then nothing is left", async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    port = await openTestPort({ routes: kvRoutes({ gate }) });
    const kv = createClient(KvService, createGrpcTransport({ baseUrl: urlOf(port) }));
    const h1 = createClient(KvService, createConnectTransport({ baseUrl: urlOf(port), httpVersion: "1.1" }));
    await h1.put({ key: "idle" });
    const slow = Promise.all([kv.put({ key: "slow" }), h1.put({ key: "slow" })]);
    const watch = kv.watch({})[Symbol.asyncIterator]();
    await watch.next();
    const idle = net.connect(port.address.port, "127.0.0.1");
    await new Promise((resolve) => idle.once("connect", resolve));

    // An hour for what does not end; the test does not have it.
    const stopped = port.stop(3_600_000);
    const ended = (await watch.next().catch((error: unknown) => error)) as ConnectError;
    expect(fromConnectError(ended)).toMatchObject({ reason: "UNAVAILABLE", outcome: "NOT_APPLIED" });
    open();
    expect((await slow).map((answer) => answer.result?.applied)).toEqual([true, true]);
    await stopped;
    expect(port.connections).toBe(0);
    await expect(kv.put({ key: "k" })).rejects.toMatchObject({ code: Code.Unavailable });
  });

  test("cuts what does not finish in time", async () => {
    let released = false;
    port = await openTestPort({
      routes: (router) =>
        router.service(KvService, {
          put: async (_request, context) => {
            await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
            released = true;
            throw context.signal.reason;
          },
        }),
    });
    const kv = createClient(KvService, createGrpcTransport({ baseUrl: urlOf(port) }));
    const slow = kv.put({ key: "slow" }).catch((error: unknown) => error);
    while (port.connections === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await port.stop(100);
    expect(fromConnectError((await slow) as ConnectError)).toMatchObject({
      reason: "UNAVAILABLE",
      outcome: "UNKNOWN",
      message: "the node is stopping; use another one",
    });
    expect(released).toBe(true);
  });

  test("a client that idles while the server restarts goes on, and neither side ends", async () => {
    port = await openTestPort();
    const number = port.address.port;
    const kv = createClient(KvService, createGrpcTransport({ baseUrl: urlOf(port) }));
    for (let round = 0; round < 3; round += 1) {
      // oxlint-disable-next-line no-await-in-loop -- restarts follow each other
      await kv.put({ key: "k" });
      // oxlint-disable-next-line no-await-in-loop
      await port.stop(1000);
      // oxlint-disable-next-line no-await-in-loop
      await new Promise((resolve) => setTimeout(resolve, 50));
      // oxlint-disable-next-line no-await-in-loop
      port = await openTestPort({ port: number });
    }
    expect((await kv.put({ key: "k" })).result?.applied).toBe(true);
  });
});

describe("idle HTTP/2 sessions", () => {
  let session: http2.ClientHttp2Session | undefined;
  afterAll(() => session?.destroy());

  test("are closed after their time, and those of vanished clients are cut", async () => {
    port = await openTestPort({ limits: { ...defaultPortLimits, idleTimeoutMs: 100 } });
    session = http2.connect(urlOf(port));
    const request = session.request({ ":path": "/livez" });
    request.resume();
    await new Promise((resolve) => request.once("close", resolve));
    await new Promise((resolve) => session?.once("close", resolve));
    await port.stop(0);

    port = await openTestPort({ limits: { ...defaultPortLimits, pingIntervalMs: 50, pingTimeoutMs: 100 } });
    const socket = net.connect(port.address.port, "127.0.0.1");
    // The preface and empty settings, then silence: no answer to a ping will ever come.
    socket.write(
      Buffer.concat([
        Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
      ]),
    );
    socket.resume();
    await new Promise((resolve) => socket.once("close", resolve));
    expect(port.connections).toBe(0);
  });
});
