import type { Command } from "commander";
import type { CommandHost } from "../program/command-host.ts";

/** `titan doctor`. */
export function registerDoctor(program: Command, host: CommandHost): void {
  const command = program
    .command("doctor")
    .description("check this machine and the cluster, and say what to do about what is found")
    .option("--dir <directory>", "where a node's data is or will be (default: here)")
    .option("--machine-only", "leave the cluster alone");
  host.connect<object>(command, async () => (await import("./doctor.ts")).doctor);
}
