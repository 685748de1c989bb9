import { RaftError } from "../core/raft-error.ts";
import type { LogWrite } from "../host/log-storage.ts";
import type { GroupLog } from "./group-log.ts";
import type { LogState } from "./log-state.ts";

/** Bytes of entry data in one append; a batch has to fit into one segment, and a segment's offsets into 32 bits. */
export const maxAppendBytes: number = 1 << 30;

/**
 * Checks a whole batch before any of it is taken over.
 * @throws RaftError `INVALID_ARGUMENT` when a write does not fit the log as it will be, `CORRUPT` for a quarantined
 * group.
 */
export function checkWrites(
  state: LogState,
  batch: readonly LogWrite[],
  options: { readonly append: number; readonly sync: boolean },
): void {
  let bytes = 0;
  for (const write of batch) {
    if (!Number.isSafeInteger(write.group) || write.group < 0) {
      refuse(write, "a group id is a safe integer from 0 on");
    }
    if (state.removed.has(write.group) && write.create !== true) {
      refuse(write, "it was removed; only a write that creates it anew may follow");
    }
    const log = state.group(write.group);
    // Not even one that creates it: what the queue knows of the group is about its former life.
    if (log.queued.removed && write.remove !== true) refuse(write, "it is being removed");
    if (log.queued.batch === options.append) refuse(write, "it has two parts in one batch; merge them");
    log.queued.batch = options.append;
    if (log.damage !== undefined && write.remove !== true) {
      throw new RaftError(
        "CORRUPT",
        `group ${write.group} is quarantined: ${log.damage}; it can only be removed`,
      );
    }
    if (!options.sync && !commitsOnly(write, log)) {
      refuse(write, "only the commit of an existing group's hard state may be written without sync");
    }
    bytes += checkEntries(write, log);
    checkCompaction(write, log);
  }
  if (bytes > maxAppendBytes) {
    throw new RaftError(
      "INVALID_ARGUMENT",
      `a batch of ${bytes} bytes is too large; the limit is ${maxAppendBytes}`,
    );
  }
}

/** Notes what the log will be when the write is durable. */
export function noteWrite(write: LogWrite, log: GroupLog): void {
  const { queued } = log;
  queued.exists = write.remove !== true;
  queued.removed = write.remove === true;
  if (write.snapshot !== undefined) {
    queued.through = write.snapshot.index;
    queued.last = write.snapshot.index;
  }
  queued.last = write.entries?.at(-1)?.index ?? queued.last;
  if (write.compact !== undefined) queued.through = Math.max(queued.through, write.compact.through);
}

function commitsOnly(write: LogWrite, log: GroupLog): boolean {
  return (
    log.queued.exists &&
    write.hardState !== undefined &&
    (write.entries === undefined || write.entries.length === 0) &&
    write.snapshot === undefined &&
    write.compact === undefined &&
    write.remove !== true
  );
}

function checkEntries(write: LogWrite, log: GroupLog): number {
  const entries = write.entries ?? [];
  const first = entries[0];
  if (first === undefined) return 0;
  const through = write.snapshot?.index ?? log.queued.through;
  const last = write.snapshot?.index ?? log.queued.last;
  if (first.index <= through || first.index > last + 1) {
    refuse(write, `its log holds ${through + 1} to ${last}; entries cannot begin at ${first.index}`);
  }
  let bytes = 0;
  let index = first.index;
  for (const entry of entries) {
    if (entry.index !== index) refuse(write, `entry ${entry.index} follows entry ${index - 1}`);
    bytes += entry.data.length;
    index += 1;
  }
  return bytes;
}

function checkCompaction(write: LogWrite, log: GroupLog): void {
  if (write.compact === undefined) return;
  const { through, metadata } = write.compact;
  if (metadata.index < through)
    refuse(write, `a snapshot of ${metadata.index} does not cover entry ${through}`);
  if (through > log.entries.last) refuse(write, `entry ${through} cannot be dropped, it is not durable yet`);
}

function refuse(write: LogWrite, reason: string): never {
  throw new RaftError("INVALID_ARGUMENT", `group ${write.group} cannot be written: ${reason}`);
}
