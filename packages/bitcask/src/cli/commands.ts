import { Bitcask } from "../bitcask.ts";
import { repairStore } from "../check/repair.ts";
import { verifyStore } from "../check/verify.ts";
import { showBytes, showTable } from "./show.ts";

/** What the command line may say besides command and directory. */
export interface CommandOptions {
  readonly json: boolean;
  readonly keys: boolean;
  readonly limit: number | undefined;
  readonly prefix?: string | undefined;
}

type Command = (directory: string, options: CommandOptions) => Promise<number>;

export const usage = `Usage: bitcask <command> <directory> [options]

  stats    what the store holds, and how much of it is dead (reads only)
  verify   check every checksum; exit code 1 if there is damage (reads only)
  repair   make a damaged store openable, giving up what cannot be read
  dump     print every key and value, one JSON object a line (reads only)
  merge    reclaim the space of everything overwritten, deleted or expired

Options:
  --json            print for programs
  --keys            dump: keys only
  --limit <n>       dump: at most n entries
  --prefix <text>   dump: only keys that start with it
  -h, --help        this text

stats, verify and dump may run beside a writer; repair and merge need the store closed.`;

export const commands: Readonly<Record<string, Command>> = { stats, verify, repair, dump, merge };

async function stats(directory: string, options: CommandOptions): Promise<number> {
  const db = await Bitcask.open(directory, { readOnly: true });
  try {
    const found = db.stats();
    if (options.json) console.log(JSON.stringify(found));
    else {
      showTable([
        ["keys", found.keys],
        ["files", found.files],
        ["size", showBytes(found.totalBytes)],
        ["live", showBytes(found.liveBytes)],
        ["dead", showBytes(found.deadBytes)],
        ["deletions", found.tombstones],
        ["streamed values", found.streamedValues],
        ["index memory", showBytes(found.keydirBytes)],
        ["last sequence number", found.lastSeq],
      ]);
    }
    return 0;
  } finally {
    await db.close();
  }
}

async function verify(directory: string, options: CommandOptions): Promise<number> {
  const report = await verifyStore(directory);
  if (options.json) console.log(JSON.stringify(report));
  else {
    for (const { severity, file, offset, length, message } of report.problems) {
      const place =
        offset === undefined ? "" : ` at byte ${offset}${length === undefined ? "" : `, ${length} bytes`}`;
      console.log(`${severity}: ${file}${place}: ${message}`);
    }
    console.log(
      `${report.files} files, ${report.records} records, ${showBytes(report.bytes)}: ${report.isSound ? "sound" : "DAMAGED"}`,
    );
  }
  return report.isSound ? 0 : 1;
}

async function repair(directory: string, options: CommandOptions): Promise<number> {
  const report = await repairStore(directory);
  if (options.json) {
    console.log(JSON.stringify(report));
    return 0;
  }
  if (report.manifestRebuilt)
    console.log("the manifest was unreadable and has been made again from the data files");
  for (const { file, action, recordsKept, damaged, lostKeys } of report.files) {
    const lostBytes = damaged.reduce((sum, range) => sum + range.length, 0);
    console.log(`${file}: ${action}, ${recordsKept} records kept, ${showBytes(lostBytes)} unreadable`);
    for (const key of lostKeys) console.log(`  lost in this file: ${key}`);
  }
  return 0;
}

async function dump(directory: string, options: CommandOptions): Promise<number> {
  const db = await Bitcask.open(directory, { readOnly: true, ordered: true });
  try {
    const range = {
      ...(options.limit !== undefined && { limit: options.limit }),
      ...(options.prefix !== undefined && { prefix: options.prefix }),
    };
    if (options.keys)
      for await (const key of db.keys(range)) console.log(JSON.stringify({ key: asText(key) }));
    else {
      for await (const { key, value, version, expiresAtMs } of db.entries(range)) {
        console.log(JSON.stringify({ key: asText(key), value: asText(value), version, expiresAtMs }));
      }
    }
    return 0;
  } finally {
    await db.close();
  }
}

async function merge(directory: string, options: CommandOptions): Promise<number> {
  const db = await Bitcask.open(directory, { createIfMissing: false, merge: { auto: false } });
  try {
    const result = await db.merge({ force: true });
    if (options.json) console.log(JSON.stringify(result));
    else {
      const { inputs, outputs, bytesReclaimed, durationMs } = result;
      console.log(
        `merged ${inputs.length} ${inputs.length === 1 ? "file" : "files"} into ${outputs.length}, ${showBytes(bytesReclaimed)} won back in ${Math.round(durationMs)} ms`,
      );
    }
    return 0;
  } finally {
    await db.close();
  }
}

/** Text as text, anything else in a form that cannot be mistaken for it. */
function asText(bytes: Buffer): string | { readonly base64: string } {
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : { base64: bytes.toString("base64") };
}
