import type { RawNodeConfig } from "./config.ts";
import type { Configuration } from "./configuration.ts";
import { EntryType } from "./entry.ts";
import type { HardState } from "./hard-state.ts";
import { violated } from "./invariants.ts";
import type { LogReader } from "./log-reader.ts";
import { afterEntry } from "./membership.ts";
import { resolveOptions } from "./options.ts";
import { RaftError } from "./raft-error.ts";
import { RaftLog } from "./raft-log.ts";
import { Replica } from "./replica.ts";

/** Bytes of entries looked at in one go while the configuration is worked out. */
const scanBytes = 1024 * 1024;

/** Makes a replica from what it left on disk. */
export function startReplica(config: RawNodeConfig): {
  readonly replica: Replica;
  readonly hardState: HardState;
} {
  const options = resolveOptions(config);
  const { storage } = config;
  const snapshot = storage.snapshot();
  const applied = config.applied ?? snapshot.index;
  if (applied < snapshot.index) {
    throw new RaftError(
      "INVALID_ARGUMENT",
      `applied is ${applied}, before the snapshot at ${snapshot.index}: restore the snapshot first.`,
    );
  }
  const { hardState, configuration } = storage.initialState();
  // The commit index is written lazily. What is in the snapshot or was applied is committed, whatever it says.
  const committed = Math.max(hardState.commit, applied);
  if (committed > storage.lastIndex()) {
    violated(`Entry ${committed} was committed, but the log ends at ${storage.lastIndex()}: it lost entries`);
  }
  const log = new RaftLog({
    storage,
    committed,
    applied,
    maxApplyingBytes: options.maxCommittedBytesPerReady,
  });
  const current = configurationAt(storage, configuration, { from: snapshot.index, to: applied });
  return { replica: new Replica({ options, storage, log, configuration: current, hardState }), hardState };
}

/** The configuration as of the applied index: the snapshot's, and every change behind it that was applied. */
function configurationAt(
  storage: LogReader,
  configuration: Configuration,
  range: { readonly from: number; readonly to: number },
): Configuration {
  let current = configuration;
  let next = range.from + 1;
  while (next <= range.to) {
    const entries = storage.entries(next, range.to + 1, scanBytes);
    if (entries.length === 0) violated(`The log returned nothing for entry ${next}, which was applied`);
    for (const entry of entries)
      if (entry.type === EntryType.ConfChange) current = afterEntry(current, entry);
    next += entries.length;
  }
  return current;
}
