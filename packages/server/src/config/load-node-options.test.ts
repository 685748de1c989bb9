import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { completeNodeOptions, loadNodeOptions, type OptionSources } from "./load-node-options.ts";
import { optionsAsHelp, optionsAsMarkdown, optionTable } from "./option-table.ts";
import { OptionsError } from "./options-error.ts";

const directory = mkdtempSync(join(tmpdir(), "titan-config-"));
const file = join(directory, "titan.toml");
afterAll(() => rmSync(directory, { recursive: true }));

/** The problems of sources that must not be accepted, as one text. */
async function refusal(sources: OptionSources, toml?: string): Promise<string> {
  if (toml !== undefined) writeFileSync(file, toml);
  const error: unknown = await loadNodeOptions(toml === undefined ? sources : { ...sources, file }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof OptionsError)) throw new Error("the options were accepted");
  return error.message;
}

describe("the defaults", () => {
  test("are those that are promised", async () => {
    const options = await loadNodeOptions();
    expect(options.limits).toMatchObject({
      maxKeyBytes: 4096,
      maxValueBytes: 1024 * 1024,
      maxRequestBytes: 4 * 1024 * 1024,
      maxBatchOperations: 1024,
      maxScanPage: 1000,
    });
    expect(options).toMatchObject({
      insecure: false,
      client: { host: "127.0.0.1", port: 4100, tls: { clientAuth: "none" } },
      peer: { host: "127.0.0.1", port: 4200 },
      durability: { level: "always" },
      cluster: { replicationFactor: 3, initialNodes: [], join: [] },
      reads: { leases: false },
      requests: { defaultDeadlineMs: 5000 },
    });
  });

  test("are in the table, and every option has a place, a meaning and three names that belong to it alone", () => {
    const table = optionTable();
    for (const key of ["name", "flag", "variable"] as const) {
      expect(new Set(table.map((option) => option[key])).size).toBe(table.length);
    }
    for (const option of table) {
      expect(`${option.name}: ${option.description}; ${option.allowed}`).toMatch(/: \w.*; \w/);
    }
    expect(table.find(({ name }) => name === "limits.maxKeyBytes")).toMatchObject({
      variable: "TITAN_LIMITS_MAX_KEY_BYTES",
      flag: "limits-max-key-bytes",
      default: 4096,
      kind: "integer",
    });
    expect(optionsAsMarkdown()).toContain(
      "| `limits.maxKeyBytes` | a whole number from 1 to 65535 | 4096 | largest key |",
    );
    expect(optionsAsHelp()).toContain("--durability-level <choice>");
  });
});

describe("sources", () => {
  test("every option can be set from each of them, and means the same", async () => {
    const examples: Readonly<Record<string, string>> = {
      "cluster.initialNodes": "1@127.0.0.1:4100/127.0.0.1:4200",
      "client.advertisedAddress": "a.example:1",
      "peer.advertisedAddress": "a.example:2",
      "cluster.join": "a.example:4100,b.example:4100",
    };
    for (const option of optionTable()) {
      const text =
        examples[option.name] ??
        { integer: "9", number: "0.5", boolean: "true", text: "some text", list: "x,y" }[
          option.kind as "text"
        ] ??
        "none";
      const fits = option.type.safeParse(option.kind === "integer" ? Number(text) : text).success;
      const usable = option.kind !== "integer" || fits ? text : String(option.default);
      const outcome = async (sources: OptionSources): Promise<unknown> =>
        loadNodeOptions(sources).then(
          (options) =>
            option.name
              .split(".")
              .reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], options),
          // Rules may refuse the option alone; then they do so whatever the source.
          (error: OptionsError) => error.problems.map(({ message }) => message),
        );
      // oxlint-disable-next-line no-await-in-loop -- one option after the other
      const fromFlag = await outcome({ flags: [`--${option.flag}=${usable}`] });
      // oxlint-disable-next-line no-await-in-loop
      const fromVariable = await outcome({ env: { [option.variable]: usable } });
      expect({ name: option.name, value: fromVariable }).toEqual({ name: option.name, value: fromFlag });
      const [section, key] = option.name.includes(".")
        ? [
            option.name.slice(0, option.name.lastIndexOf(".")),
            option.name.slice(option.name.lastIndexOf(".") + 1),
          ]
        : ["", option.name];
      const quoted =
        option.kind === "list"
          ? JSON.stringify(usable.split(","))
          : ["text", "choice"].includes(option.kind)
            ? JSON.stringify(usable)
            : usable;
      writeFileSync(file, `${section === "" ? "" : `[${section}]\n`}${key} = ${quoted}\n`);
      // oxlint-disable-next-line no-await-in-loop
      expect({ name: option.name, value: await outcome({ file }) }).toEqual({
        name: option.name,
        value: fromFlag,
      });
    }
  });

  test("a flag goes before a variable, a variable before the file, the file before the default", async () => {
    writeFileSync(file, "[client]\nport = 1\n[peer]\nport = 2\n[limits]\nmaxScanPage = 3\n");
    const options = await loadNodeOptions({
      file,
      env: { TITAN_CLIENT_PORT: "11", TITAN_PEER_PORT: "12", PATH: "/bin" },
      flags: ["--client-port", "21"],
    });
    expect([options.client.port, options.peer.port, options.limits.maxScanPage]).toEqual([21, 12, 3]);
    expect(options.limits.maxKeyBytes).toBe(4096);
  });

  test("flags may be written with a space or =, given without a value when true, negated, and repeated for lists", async () => {
    const options = await loadNodeOptions({
      flags: [
        "--insecure",
        "--client-port=4",
        "--no-metrics-enabled",
        "--reads-leases",
        "false",
        "--cluster-join",
        "a:1",
        "--cluster-join=b:2,c:3",
      ],
    });
    expect(options).toMatchObject({
      insecure: true,
      client: { port: 4 },
      metrics: { enabled: false },
      reads: { leases: false },
    });
    expect(options.cluster.join).toEqual(["a:1", "b:2", "c:3"]);
  });

  test("a program gives an object", () => {
    expect(completeNodeOptions({ client: { port: 0 }, peer: { port: 0 } }).client).toMatchObject({
      port: 0,
      host: "127.0.0.1",
    });
    expect(() => completeNodeOptions({ client: { port: -1 } })).toThrow(
      "options, client.port: -1 is not allowed",
    );
    const misspelt = { insecure: false, cleint: {} };
    expect(() => completeNodeOptions(misspelt)).toThrow("did you mean client");
  });
});

describe("what is refused names source, option, what is wrong and what is allowed", () => {
  test.each([
    [
      "flag",
      { flags: ["--client-port", "70000"] },
      "flag --client-port: 70000 is not allowed for client.port; allowed: a whole number from 0 to 65535",
    ],
    [
      "variable",
      { env: { TITAN_CLIENT_PORT: "four" } },
      'environment variable TITAN_CLIENT_PORT: "four" is not allowed for client.port',
    ],
    ["empty variable", { env: { TITAN_CLIENT_PORT: "" } }, '"" is not allowed for client.port'],
    ["fraction", { flags: ["--limits-max-key-bytes", "1.5"] }, "1.5 is not allowed for limits.maxKeyBytes"],
    ["word", { flags: ["--durability-level", "fast"] }, "allowed: one of always, interval, none"],
    [
      "truth",
      { env: { TITAN_INSECURE: "yes" } },
      '"yes" is not allowed for insecure; allowed: true or false',
    ],
    ["address", { flags: ["--cluster-join", "nohost"] }, "allowed: a list of host:port"],
    [
      "unknown flag",
      { flags: ["--limit-max-key-bytes", "1"] },
      "flag --limit-max-key-bytes: a flag of this name does not exist; did you mean limits-max-key-bytes?",
    ],
    [
      "unknown variable",
      { env: { TITAN_MAX_KEY_BYTES: "1" } },
      "environment variable TITAN_MAX_KEY_BYTES: an option of this name does not exist; did you mean TITAN_LIMITS_MAX_KEY_BYTES?",
    ],
    ["missing value", { flags: ["--client-port"] }, "flag --client-port: needs a value"],
    ["stray word", { flags: ["4100"] }, 'argument "4100": expected a flag'],
    ["flag twice", { flags: ["--client-port", "1", "--client-port", "2"] }, "is given twice"],
    [
      "no file",
      { file: "/nowhere/titan.toml" },
      "/nowhere/titan.toml: cannot be read: there is no such file",
    ],
  ] as const)("%s", async (_name, sources, message) => {
    expect(await refusal(sources)).toContain(message);
  });

  test.each([
    [
      "unknown option",
      "[limits]\nmaxKeyByte = 1",
      "the option limits.maxKeyByte does not exist; did you mean limits.maxKeyBytes?",
    ],
    ["option without its section", "maxKeyBytes = 1", "did you mean limits.maxKeyBytes?"],
    ["unknown section", "[limit]\nmaxKeyBytes = 1", "the option limit does not exist; did you mean"],
    ["wrong type", '[client]\nport = "4100"', `${file}, client.port: "4100" is not allowed`],
    ["section as a value", "client = 5", "client is a section: write [client]"],
    ["not TOML", "[client\nport", `${file}, line 1`],
  ])("in a file: %s", async (_name, toml, message) => {
    expect(await refusal({}, toml)).toContain(message);
  });

  test("all of it at once", async () => {
    const text = await refusal(
      { env: { TITAN_CLIENT_PORT: "x" }, flags: ["--nonsense"] },
      "[peer]\nport = true",
    );
    expect(text.split("\n")).toHaveLength(3);
  });

  test("variables that Kubernetes adds for a service called titan are left alone, and never taken for options", async () => {
    const options = await loadNodeOptions({
      env: {
        TITAN_CLIENT_SERVICE_HOST: "10.0.0.1",
        TITAN_CLIENT_SERVICE_PORT_GRPC: "4100",
        TITAN_CLIENT_PORT: "tcp://10.0.0.1:4100",
        TITAN_CLIENT_PORT_4100_TCP_ADDR: "10.0.0.1",
        TITAN_ENDPOINT: "of the command line",
      },
      otherVariables: ["TITAN_ENDPOINT"],
    });
    expect(options.client.port).toBe(4100);
  });
});

describe("options that do not go together", () => {
  const tls = ["--client-tls-cert-file", "c", "--client-tls-key-file", "k"];
  test.each([
    [
      "a network without TLS",
      ["--client-host", "192.168.0.1"],
      "client.host is 192.168.0.1, reachable from other machines",
    ],
    [
      "a name that may be a network",
      ["--peer-host", "db1"],
      "peer.host is db1, reachable from other machines",
    ],
    [
      "a wildcard nobody can dial",
      ["--client-host", "0.0.0.0", "--insecure"],
      "set client.advertisedAddress",
    ],
    [
      "half a certificate",
      ["--peer-tls-cert-file", "c"],
      "peer.tls.certFile is set without peer.tls.keyFile",
    ],
    [
      "an authority alone",
      ["--client-tls-ca-file", "c"],
      "client.tls.caFile is set without client.tls.certFile",
    ],
    [
      "required certificates nobody can judge",
      [...tls, "--client-tls-client-auth", "require"],
      "needs client.tls.caFile",
    ],
    [
      "TLS between nodes that is not mutual",
      ["--peer-tls-cert-file", "c", "--peer-tls-key-file", "k"],
      "needs peer.tls.caFile",
    ],
    ["one port for both", ["--client-port", "5", "--peer-port", "5"], "as is client.port"],
    [
      "founding and joining",
      ["--node-id", "1", "--cluster-join", "a:1", "--cluster-initial-nodes", "1@a:1/a:2"],
      "exclude each other",
    ],
    ["founding without knowing who", ["--cluster-initial-nodes", "1@a:1/a:2"], "node.id is needed"],
    [
      "founding as somebody else",
      ["--node-id", "3", "--cluster-initial-nodes", "1@a:1/a:2"],
      "node.id is 3, which is not among",
    ],
    ["an even number of replicas", ["--cluster-replication-factor", "2"], "allowed: 1, 3, 5, 7"],
    [
      "an election that cannot wait",
      ["--raft-election-timeout-ms", "200"],
      "below three times raft.heartbeatMs",
    ],
    [
      "a request too small for a value",
      ["--limits-max-request-bytes", "100000"],
      "cannot hold one largest key and value",
    ],
  ])("%s", async (_name, flags, message) => {
    const text = await refusal({ flags });
    expect(text).toContain(message);
    expect(text).toMatch(/^(?:flag --|default)/);
  });

  test("are accepted when they do", async () => {
    await expect(
      loadNodeOptions({ flags: ["--client-host", "192.168.0.1", "--insecure"] }),
    ).resolves.toBeDefined();
    await expect(loadNodeOptions({ flags: ["--client-host", "192.168.0.1", ...tls] })).resolves.toBeDefined();
    for (const host of ["localhost", "127.1.2.3", "::1"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await expect(loadNodeOptions({ flags: ["--client-host", host] })).resolves.toBeDefined();
    }
  });
});
