#!/usr/bin/env node
/** `titan-wal`: looks at the files of a log. */
import { parseArgs } from "node:util";
import { describeDamage } from "./damage.ts";
import { dumpLog } from "./dump.ts";
import { type LogReport, verifyLog } from "./verify.ts";

const usage = `titan-wal verify [--json] <directory>   check every checksum, and say what each group holds
titan-wal dump [--group N] <directory>  print every record, in the order written

Nothing is changed, and a running process is not disturbed; what it is writing may look unfinished.
Exit status: 0 sound, 1 damaged, 2 wrong usage or unreadable.`;

/** Runs the command and returns the exit status. */
function main(args: readonly string[]): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { json: { type: "boolean" }, group: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  const [command, directory, ...rest] = positionals;
  const group = values.group === undefined ? undefined : Number(values.group);
  if (values.help === true) {
    print(usage);
    return 0;
  }
  if (directory === undefined || rest.length > 0 || (group !== undefined && !Number.isSafeInteger(group))) {
    print(usage);
    return 2;
  }
  if (command === "dump") {
    const lines = dumpLog(directory, group === undefined ? {} : { group });
    for (const line of lines) print(line);
    return lines.some((line) => line.startsWith("damage: ")) ? 1 : 0;
  }
  if (command === "verify") {
    const report = verifyLog(directory);
    if (values.json === true) print(JSON.stringify(report, undefined, 2));
    else printReport(report);
    return report.damage.length === 0 ? 0 : 1;
  }
  print(usage);
  return 2;
}

function printReport(report: LogReport): void {
  print(
    `${report.segments} segments, ${report.bytes} bytes, ${report.batches} batches, ${report.records} records`,
  );
  for (const {
    group,
    firstIndex,
    lastIndex,
    bytes,
    term,
    vote,
    commit,
    snapshotIndex,
    snapshotTerm,
  } of report.groups) {
    const entries =
      lastIndex < firstIndex ? "no entries" : `entries ${firstIndex} to ${lastIndex} (${bytes} bytes)`;
    print(
      `group ${group}: ${entries}, term ${term}, vote ${vote}, commit ${commit}, snapshot ${snapshotIndex}@${snapshotTerm}`,
    );
  }
  if (report.removed.length > 0) print(`removed groups: ${report.removed.join(" ")}`);
  const { tornTail } = report;
  if (tornTail !== undefined)
    print(`an unfinished batch in ${tornTail.segment} at byte ${tornTail.offset}: no damage`);
  for (const damage of report.damage) print(`damage: ${describeDamage(damage)}`);
  print(report.damage.length === 0 ? "sound" : "damaged");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function run(): number {
  try {
    return main(process.argv.slice(2));
  } catch (error) {
    print(error instanceof Error ? error.message : String(error));
    return 2;
  }
}

process.exitCode = run();
