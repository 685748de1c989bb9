import type { Command } from "commander";
import type { CommandHost } from "../program/command-host.ts";

/** Named clusters. */
export function registerContextCommands(program: Command, host: CommandHost): void {
  const context = program
    .command("context")
    .description("clusters by name, so that their addresses need not be typed")
    .action(() => context.help({ error: true }));
  host.connect(
    context.command("list").description("the contexts; a star marks the one that is used"),
    async () => (await import("./manage-contexts.ts")).listContexts,
  );
  host.connect<object>(
    context
      .command("set <name>")
      .description("make or replace a context; --endpoint gives its nodes")
      .option("--ca-file <file>", "authorities to trust, PEM; turns TLS on")
      .option("--cert-file <file>", "our certificate, PEM")
      .option("--key-file <file>", "its private key, PEM")
      .option("--token-file <file>", "the bearer token"),
    async () => (await import("./manage-contexts.ts")).setContext,
  );
  host.connect(
    context.command("use <name>").description("use this context when none is named"),
    async () => (await import("./manage-contexts.ts")).useContext,
  );
  host.connect(
    context.command("remove <name>").description("forget a context"),
    async () => (await import("./manage-contexts.ts")).removeContext,
  );
}
