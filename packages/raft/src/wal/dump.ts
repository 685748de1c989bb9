import { basename } from "node:path";
import { EntryType } from "../core/entry.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";
import { describeDamage } from "./damage.ts";
import type { FileSystem } from "./file-system.ts";
import { nodeFileSystem } from "./node-file-system.ts";
import type { LogRecord } from "./record.ts";
import { replay } from "./replay.ts";

/** What a dump shows. */
export interface DumpOptions {
  /** Only the records of this group. */
  readonly group?: number;
  readonly fileSystem?: FileSystem;
}

/**
 * Every record of the log in a directory, in the order in which they were written, as lines for people: a line for each
 * batch, one for each record below it, and what is wrong at the end. Changes nothing and takes no lock.
 */
export function dumpLog(directory: string, options: DumpOptions = {}): string[] {
  const lines: string[] = [];
  const found = replay(options.fileSystem ?? nodeFileSystem, directory, {
    mode: "read",
    visitor: {
      batch: ({ segment, offset, sequence }) => {
        lines.push(`batch ${sequence} in ${basename(segment.path)} at byte ${offset}`);
      },
      record: (record) => {
        if (options.group === undefined || record.group === options.group)
          lines.push(`  ${describeRecord(record)}`);
        return undefined;
      },
    },
  });
  for (const segment of [...found.segments, ...found.surplus]) segment.file.close();
  if (found.tornTail !== undefined) {
    lines.push(`an unfinished batch in ${found.tornTail.segment} at byte ${found.tornTail.offset}`);
  }
  for (const damage of found.damage) lines.push(`damage: ${describeDamage(damage)}`);
  return lines;
}

/** A record as a line for people. */
export function describeRecord(record: LogRecord): string {
  const about = `group ${record.group}`;
  switch (record.kind) {
    case "created":
    case "removed":
      return `${about} ${record.kind}`;
    case "hardState": {
      const { term, vote, commit } = record.hardState;
      return `${about} hard state: term ${term}, vote ${vote}, commit ${commit}`;
    }
    case "entries": {
      const entries = record.entries.map(({ type, term, dataBytes }, at) => {
        const mark = type === EntryType.ConfChange ? " change of membership" : "";
        return `${record.first + at}@${term} (${dataBytes} bytes${mark})`;
      });
      return `${about} entries: ${entries.join(", ")}`;
    }
    case "snapshot":
      return `${about} begins anew after ${describeMetadata(record.metadata)}`;
    case "compact":
      return `${about} dropped through ${record.through}@${record.throughTerm}: ${describeMetadata(record.metadata)}`;
    case "state": {
      const { term, vote, commit } = record.hardState;
      const entries = record.keepsEntries ? "" : ", entries follow";
      const place = `begins after ${record.through}@${record.throughTerm}`;
      return `${about} restated: ${place}, term ${term}, vote ${vote}, commit ${commit}, ${describeMetadata(record.metadata)}${entries}`;
    }
    default:
      return "a record of an unknown kind";
  }
}

function describeMetadata({ index, term, configuration }: SnapshotMetadata): string {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  const parts = [`voters ${list(voters)}`];
  if (votersOutgoing.length > 0) parts.push(`outgoing ${list(votersOutgoing)}`);
  if (learners.length > 0) parts.push(`learners ${list(learners)}`);
  if (learnersNext.length > 0) parts.push(`next learners ${list(learnersNext)}`);
  return `snapshot ${index}@${term}, ${parts.join(", ")}`;
}

function list(members: readonly number[]): string {
  return members.length === 0 ? "none" : members.join(" ");
}
