import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseInitialNode } from "../../packages/server/src/config/initial-node.ts";
import { loadNodeOptions } from "../../packages/server/src/config/load-node-options.ts";
import { OptionsError } from "../../packages/server/src/config/options-error.ts";
import { settingsFromOptions } from "../../packages/server/src/node/settings-from-options.ts";
import type { FuzzInput, FuzzTarget } from "../src/fuzz-target.ts";

let directory: Promise<string> | undefined;

function seed(file: string, env: string, flags: string): FuzzInput {
  return [
    { name: "file", bytes: Buffer.from(file) },
    { name: "env", bytes: Buffer.from(env) },
    { name: "flags", bytes: Buffer.from(flags) },
  ];
}

function textOf(input: FuzzInput, name: string): string {
  return input.find((part) => part.name === name)?.bytes.toString("utf8") ?? "";
}

/** The configuration of a node: a file, variables and flags together. */
export const configuration: FuzzTarget = {
  name: "configuration",
  seeds: () => [
    seed(
      'dataDirectory = "/data"\n[node]\nid = 1\nzone = "a"\n[cluster]\nname = "c"\ninitialNodes = ["1@a:4100/a:4200", "2@b:4100/b:4200"]\n[client]\nport = 4100\n[raft]\ntickMs = 50\n',
      "TITAN_CLIENT_PORT=4101\nTITAN_DURABILITY_LEVEL=interval\nTITAN_LIMITS_MAX_KEY_BYTES=100",
      "--node-id\n2\n--client-port=4102\n--no-metrics-enabled",
    ),
    seed("", "TITAN_CLUSTER_JOIN=a:4100,b:4100", "--data-directory\n/data\n--reads-leases\ntrue"),
  ],
  async run(input) {
    directory ??= mkdtemp(join(tmpdir(), "titan-fuzz-config-"));
    const file = join(await directory, "titan.toml");
    await writeFile(file, input.find(({ name }) => name === "file")?.bytes ?? Buffer.alloc(0));
    const env = Object.fromEntries(
      textOf(input, "env")
        .split("\n")
        .map((line) => [line.split("=", 1)[0] ?? "", line.slice(line.indexOf("=") + 1)]),
    );
    const options = await loadNodeOptions({ file, env, flags: textOf(input, "flags").split("\n") });
    // Whatever passes must make settings: a node must not fail later over a value that was accepted.
    settingsFromOptions(options);
    options.cluster.initialNodes.forEach(parseInitialNode);
  },
  isRefusal: (error) => error instanceof OptionsError,
};
