import { type Command, InvalidArgumentError, Option } from "commander";
import type { CommandHost } from "../program/command-host.ts";

const units: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** A number of bytes, such as `50MiB` or `50m`. */
function parseBytes(text: string): number {
  const [, number, unit] = /^(\d+)(|[kmg])(?:i?b)?$/i.exec(text.trim()) ?? [];
  const bytes = Number(number) * (units[unit?.toLowerCase() ?? ""] ?? Number.NaN);
  if (Number.isSafeInteger(bytes) && bytes > 0 && bytes < 2 ** 50) return bytes;
  throw new InvalidArgumentError("Write a number of bytes, such as 50MiB.");
}

/** Backups, checks, alarms. */
export function registerMaintenanceCommands(program: Command, host: CommandHost): void {
  registerSnapshot(program, host);
  host.connect<{ readonly node?: string }>(
    program
      .command("check")
      .description("read every record of every replica, heal what is damaged, compare the replicas")
      .option("--node <node>", "only the replicas of this node"),
    async () => (await import("./check.ts")).checkCluster,
  );
  const alarms = program.command("alarms").description("what needs to be looked at; `clear` takes it away");
  host.connect(
    alarms.command("list", { isDefault: true }).description("the alarms of all nodes"),
    async () => (await import("./alarms.ts")).listAlarms,
  );
  host.connect<{ readonly shard?: string }>(
    alarms
      .command("clear <kind> <node>")
      .description("tell a node that the cause of an alarm is gone, such as: clear diverged 2")
      .option("--shard <shard>", "only the alarm about this shard"),
    async () => (await import("./alarms.ts")).clearAlarms,
  );
}

function registerSnapshot(program: Command, host: CommandHost): void {
  const snapshot = program.command("snapshot").description("back up and restore the whole cluster");
  host.connect<{ readonly maxRate?: number; readonly overwrite?: boolean }>(
    snapshot
      .command("save <file>")
      .description("copy all data into a file while reads and writes go on")
      .addOption(
        new Option("--max-rate <bytes>", "at most this much a second, such as 50MiB").argParser(parseBytes),
      )
      .option("--overwrite", "replace the file if it exists"),
    async () => (await import("./snapshot-save.ts")).saveSnapshot,
  );
  host.connect(
    snapshot.command("verify <file>").description("check every byte of a snapshot; needs no cluster"),
    async () => (await import("./snapshot-verify.ts")).printVerified,
  );
  host.connect<{ readonly restart?: boolean }>(
    snapshot
      .command("restore <file>")
      .description("write a snapshot into an empty cluster, of any size")
      .option("--restart", "begin again although an earlier restore did not finish"),
    async () => (await import("./snapshot-restore.ts")).restoreSnapshot,
  );
  host.connect(
    snapshot
      .command("abandon")
      .description("give up a restore that did not finish: the cluster is opened, empty"),
    async () => (await import("./snapshot-restore.ts")).abandonRestore,
  );
}
