import type { LogReader } from "../core/log-reader.ts";
import { RaftError } from "../core/raft-error.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";
import type { GroupOptions } from "./group-options.ts";
import type { ReplicaStart } from "./group-replica.ts";
import type { LogStorage } from "./log-storage.ts";

/** Entries are replayed in pieces of this many bytes. */
const replayBytes: number = 1 << 20;

/**
 * Finds out how far the state machine is, and brings it as far as what is on this node allows: a stored snapshot, then
 * the entries behind it up to the snapshot that the log knows of. What is applied beyond that, the core hands out.
 *
 * A state machine that is still behind the beginning of its log needs another replica's state. It must not skip what it
 * lacks: dragonboat #156 is a state machine that did. A stored snapshot that is damaged leads there too: the vote and the
 * log are in the log, so that nothing that this replica promised is lost with it.
 */
export async function prepareReplica(
  log: LogStorage,
  options: GroupOptions,
  damaged: (snapshot: SnapshotMetadata, error: RaftError) => void,
): Promise<ReplicaStart> {
  const { group, stateMachine, snapshots } = options;
  const reader = log.reader(group);
  const through = reader.firstIndex() - 1;
  const known = reader.snapshot();
  let stateIndex = stateMachine.appliedIndex();
  const stored = (await snapshots?.list(group)) ?? [];
  for (const metadata of stored) {
    if (metadata.index <= stateIndex || !belongsToLog(reader, metadata)) continue;
    // eslint-disable-next-line no-await-in-loop -- an older one is only looked at when the newer one is damaged
    const problem = await restore(metadata, options);
    if (problem === undefined) stateIndex = metadata.index;
    else damaged(metadata, problem);
  }
  // The snapshot with which a group begins stands for the empty state.
  if (known.index === 1 && stateIndex === 0) stateIndex = 1;
  while (stateIndex >= through && stateIndex < known.index) {
    const entries = reader.entries(stateIndex + 1, known.index + 1, replayBytes);
    const last = entries.at(-1);
    if (last === undefined) {
      throw new RaftError(
        "INVARIANT",
        `The log of group ${group} ends before its snapshot at ${known.index}.`,
      );
    }
    // eslint-disable-next-line no-await-in-loop -- entries are applied one after the other
    await stateMachine.apply(entries);
    stateIndex = last.index;
  }
  return { reader, stateIndex, applied: Math.max(known.index, Math.min(stateIndex, committed(reader))) };
}

/**
 * What the log knows to be committed. A state may be ahead of that: the commit index is written lazily, and a state that was
 * fetched because the replica's own was lost says nothing about this log, which may end with entries that were never
 * committed. Taken for applied, they would be acknowledged to the next leader.
 */
function committed(reader: LogReader): number {
  return reader.initialState().hardState.commit;
}

/** Restores a stored snapshot; returns the error when it is not what was written. */
async function restore(
  metadata: SnapshotMetadata,
  { group, snapshots, stateMachine }: GroupOptions,
): Promise<RaftError | undefined> {
  if (snapshots === undefined) return undefined;
  try {
    const state = await stateMachine.receive(metadata, snapshots.read(group, metadata.index, 0));
    await state.install();
    return undefined;
  } catch (error) {
    if (error instanceof RaftError && error.code === "CORRUPT") return error;
    throw error;
  }
}

/** Whether a stored snapshot is of this log: not of a state that the log, after a crash, knows nothing of. */
function belongsToLog(reader: LogReader, { index, term }: SnapshotMetadata): boolean {
  if (index < reader.firstIndex() - 1 || index > reader.lastIndex()) return false;
  return reader.term(index) === term;
}
