#!/usr/bin/env node
import { parseArgs } from "node:util";
import { BitcaskError } from "../errors.ts";
import { commands, usage } from "./commands.ts";

/** `npx @titan-kv/bitcask <command> <directory>`: exit code 0 if all is well, 1 if not, 2 if the command makes no sense. */
async function main(): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
        keys: { type: "boolean", default: false },
        limit: { type: "string" },
        prefix: { type: "string" },
      },
    });
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
  const { values, positionals } = parsed;
  const [name, directory] = positionals;
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const command = name === undefined ? undefined : commands[name];
  const limit = values.limit === undefined ? undefined : Number(values.limit);
  const isLimitValid = limit === undefined || (Number.isSafeInteger(limit) && limit >= 0);
  if (!command || directory === undefined || positionals.length > 2 || !isLimitValid) {
    console.error(usage);
    return 2;
  }
  try {
    return await command(directory, { ...values, limit });
  } catch (error) {
    if (!(error instanceof BitcaskError)) throw error;
    console.error(
      values.json
        ? JSON.stringify({ code: error.code, message: error.message })
        : `${error.code}: ${error.message}`,
    );
    return 1;
  }
}

process.exitCode = await main();
