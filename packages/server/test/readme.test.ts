/** The README's example runs as it stands. */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePorts } from "./support/cluster-processes.ts";

const packageDirectory = join(import.meta.dirname, "..");

test("the example of the README starts a node and stops it", async () => {
  const readme = await readFile(join(packageDirectory, "README.md"), "utf8");
  const [clientPort, peerPort] = await freePorts(2);
  const code = /```ts\n([\s\S]*?)```/
    .exec(readme)![1]!
    .replaceAll("4100", String(clientPort))
    .replaceAll("4200", String(peerPort));
  // Inside the package, so that it finds itself by its name.
  const directory = await mkdtemp(join(packageDirectory, "test", "readme-"));
  try {
    const ports = `client: { port: ${clientPort} }, peer: { port: ${peerPort} }, log: { level: "silent" }, node: { id: 1 }`;
    await writeFile(join(directory, "example.ts"), code.replace("node: { id: 1 }", ports));
    const child = spawn(process.execPath, ["--conditions=@titan-kv/source", "example.ts"], {
      cwd: directory,
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const exitCode = await new Promise((resolve) => child.once("exit", resolve));
    expect({ exitCode, output }).toEqual({
      exitCode: 0,
      output: `serving clients at 127.0.0.1:${clientPort}\n`,
    });
  } finally {
    await rm(directory, { recursive: true });
  }
});
