import type { Command } from "commander";
import type { CommandHost } from "../program/command-host.ts";
import { wholeNumber } from "../program/global-options.ts";
import { parseDuration } from "./durations.ts";
import { addReadFlags, type ReadFlags } from "./read-flags.ts";
import type { RangeFlags } from "./scan.ts";
import type { WatchFlags } from "./watch.ts";

const maxRevision = Number.MAX_SAFE_INTEGER;
const revision = wholeNumber(0, maxRevision);

/** Reading and writing. */
export function registerDataCommands(program: Command, host: CommandHost): void {
  host.connect<ReadFlags>(
    addReadFlags(program.command("get <key>").description("print the value of a key, byte for byte")),
    async () => (await import("./get.ts")).get,
  );
  host.connect<object>(
    program
      .command("put <key> [value]")
      .description("write a key; without a value, or with -, the value is standard input")
      .option("--file <file>", "take the value from a file")
      .option("--ttl <time>", "the key expires after this, such as 30s or 2h", parseDuration)
      .option("--if-absent", "only if the key does not exist")
      .option("--if-present", "only if the key exists")
      .option("--if-revision <revision>", "only if the key is at this revision", revision)
      .option("--previous", "with -o json: return the value that was replaced"),
    async () => (await import("./put.ts")).put,
  );
  host.connect<object>(
    program
      .command("del <keys...>")
      .description("remove keys, each by itself; removing what is not there is no error")
      .option("--if-revision <revision>", "only if the key is at this revision", revision),
    async () => (await import("./delete.ts")).del,
  );
  host.connect<object>(
    program
      .command("cas <key> [value]")
      .description("compare and set: write a key only if it is as expected")
      .option("--expect <value>", "it has this value")
      .option("--expect-revision <revision>", "it is at this revision", revision)
      .option("--expect-absent", "it does not exist")
      .option("--file <file>", "take the new value from a file"),
    async () => (await import("./compare-and-set.ts")).compareAndSet,
  );
  host.connect(
    program
      .command("batch [file]")
      .description('independent operations, one JSON object per line: {"put":"a","value":"1"}'),
    async () => (await import("./batch.ts")).batch,
  );
  host.connect(
    program
      .command("txn [file]")
      .description('a transaction in one shard: {"compare":[…],"then":[…],"else":[…]}'),
    async () => (await import("./batch.ts")).txn,
  );
  registerScan(program, host);
  host.connect<WatchFlags>(
    program
      .command("watch [prefix]")
      .description("changes of a prefix or a key as they happen, until Ctrl-C")
      .option("--key <key>", "of this key alone")
      .option("--from <token>", "go on where an earlier watch stopped (it says where)")
      .option("--count <count>", "stop after so many", wholeNumber(1, maxRevision)),
    async () => (await import("./watch.ts")).watch,
  );
}

function registerScan(program: Command, host: CommandHost): void {
  const command = program
    .command("scan [prefix]")
    .description("keys and values in order, of a prefix or a range")
    .option("--start <key>", "first key, included")
    .option("--end <key>", "last key, excluded")
    .option("--limit <count>", "at most so many", wholeNumber(1, maxRevision))
    .option("--reverse", "from the last key to the first")
    .option("--keys-only", "leave the values out");
  host.connect<RangeFlags & ReadFlags>(addReadFlags(command), async () => (await import("./scan.ts")).scan);
}
