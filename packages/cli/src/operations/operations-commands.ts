import type { Command } from "commander";
import type { CommandHost } from "../program/command-host.ts";

/** What an operator looks at and changes. */
export function registerOperationsCommands(program: Command, host: CommandHost): void {
  const look = (name: string, description: string): Command => program.command(name).description(description);
  host.connect(
    look("status", "is the cluster well? nodes, shards, leaders, alarms"),
    async () => (await import("./status.ts")).printStatus,
  );
  host.connect(
    look("nodes", "the nodes, what they hold and how they are"),
    async () => (await import("./nodes.ts")).printNodes,
  );
  host.connect(
    look("shards", "the shards, their leaders and replicas"),
    async () => (await import("./shards.ts")).printShards,
  );
  host.connect<{ readonly ranges?: boolean }>(
    look("ring", "which shard owns how many slots").option("--ranges", "every run of slots, in order"),
    async () => (await import("./ring.ts")).printRing,
  );
  host.connect(
    look("lookup <keys...>", "which slot, shard and nodes keys belong to"),
    async () => (await import("./lookup.ts")).lookup,
  );
  registerMembership(program, host);
}

function registerMembership(program: Command, host: CommandHost): void {
  host.connect<{ readonly undo?: boolean }>(
    program
      .command("drain <node>")
      .description("move leadership away from a node, for instance before it is stopped")
      .option("--undo", "let it lead again"),
    async () => (await import("./membership.ts")).drain,
  );
  host.connect<{ readonly force?: boolean; readonly yes?: boolean }>(
    program
      .command("remove <node>")
      .description("take a node out for ever; its replicas move to other nodes")
      .option("--force", "even if shards keep fewer copies than configured; never below a majority")
      .option("--yes", "do not ask"),
    async () => (await import("./membership.ts")).remove,
  );
  host.connect<{ readonly yes?: boolean }>(
    program
      .command("replace <node> <replacement>")
      .description("put a node that has joined in the place of another one")
      .option("--yes", "do not ask"),
    async () => (await import("./membership.ts")).replace,
  );
  host.connect(
    program
      .command("transfer <shard> [node]")
      .description("hand the leadership of a shard (or `meta`) to another replica"),
    async () => (await import("./membership.ts")).transfer,
  );
}
