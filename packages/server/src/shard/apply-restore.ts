/** What the commands of a restore do to a shard. Everything is decided by the log, so that every replica decides the same. */
import { slotOf } from "@titan-kv/ring";
import { packRefusal, packWrite, Refusal } from "./applied-result.ts";
import { readRecords, type RestoreCommand, RestoreStep, type SealFields } from "./restore-command.ts";
import { noRestore, RestorePhase, type RestoreState } from "./restore-state.ts";
import { type ShardStore, systemKeyByte } from "./shard-store.ts";
import { SlotState } from "./slot-ownership.ts";
import type { StagedWrites } from "./staged-writes.ts";

/** Keys that one Clear removes at most; the next one goes on. */
export const maxClearedPerCommand = 1000;

/** What a restore reads and changes. The store has everything that came before: nothing else is staged. */
export interface RestoreContext {
  readonly store: ShardStore;
  readonly staged: StagedWrites;
  readonly expiry: { add(item: { expiresAtMs: number; key: Uint8Array }): void };
  readonly slotState: (slot: number) => SlotState;
}

/** The answer, packed like that of a write, and the state afterwards. */
export interface RestoreOutcome {
  readonly packed: number;
  readonly state: RestoreState;
}

export function applyRestore(
  context: RestoreContext,
  state: RestoreState,
  command: RestoreCommand,
): RestoreOutcome {
  if (command.step === RestoreStep.Begin) return begin(context, state, command);
  const { number } = command;
  if (number !== state.number) return refuse(state, Refusal.RestoreSuperseded);
  switch (command.step) {
    case RestoreStep.Clear:
      return clear(context, state);
    case RestoreStep.Load:
      return load(context, state, command);
    case RestoreStep.Seal:
      return seal(state, command);
    case RestoreStep.Open:
      if (state.phase === RestorePhase.Open) return done(state);
      if (state.phase !== RestorePhase.Sealed) return refuse(state, Refusal.RestoreSuperseded);
      return done({ ...state, phase: RestorePhase.Open });
    case RestoreStep.Cancel:
      if (state.phase === RestorePhase.Open) return done(state);
      // What was loaded must not come to light: it is cleared first, by a restore with a new number.
      if (state.phase !== RestorePhase.Loading || state.loads > 0)
        return refuse(state, Refusal.RestoreSuperseded);
      return done({ ...noRestore, number });
  }
}

function done(state: RestoreState, count = 0): RestoreOutcome {
  return { packed: packWrite(count, true, false), state };
}

function refuse(state: RestoreState, refusal: Refusal): RestoreOutcome {
  return { packed: packRefusal(refusal), state };
}

/** Keys of users, in the store's order. */
function* userKeys(store: ShardStore): Generator<Uint8Array, void> {
  for (const { key } of store.entries(new Uint8Array(0))) if (key[0] !== systemKeyByte) yield key;
}

function begin(
  { store }: RestoreContext,
  state: RestoreState,
  { number, finished }: { readonly number: number; readonly finished: number },
): RestoreOutcome {
  const isOpen = state.phase === RestorePhase.Open;
  if (number < state.number) return refuse(state, Refusal.RestoreSuperseded);
  // Delivered late: that restore is over.
  if (number === state.number) return isOpen ? refuse(state, Refusal.RestoreSuperseded) : done(state);
  if (isOpen) {
    const { done: isEmpty } = userKeys(store).next();
    return isEmpty === true
      ? done({ ...noRestore, phase: RestorePhase.Loading, number })
      : refuse(state, Refusal.NotEmpty);
  }
  // Whole, only not open yet: it is data like any other.
  if (state.number <= finished) return refuse(state, Refusal.NotEmpty);
  return done({ ...noRestore, phase: RestorePhase.Clearing, number });
}

function clear({ store, staged }: RestoreContext, state: RestoreState): RestoreOutcome {
  if (state.phase !== RestorePhase.Clearing) return done(state);
  let removed = 0;
  for (const key of userKeys(store)) {
    if (removed === maxClearedPerCommand) break;
    staged.delete(key);
    removed += 1;
  }
  return done(removed === 0 ? { ...state, phase: RestorePhase.Loading } : state, removed);
}

function load(
  { staged, expiry, slotState }: RestoreContext,
  state: RestoreState,
  { position, records }: { readonly position: number; readonly records: Uint8Array },
): RestoreOutcome {
  if (state.phase !== RestorePhase.Loading) return refuse(state, Refusal.RestoreSuperseded);
  if (position < state.loads) return done(state);
  if (position > state.loads) return refuse(state, Refusal.RestoreIncomplete);
  let keys = 0;
  for (const { key } of readRecords(records)) {
    if (slotState(slotOf(key)) !== SlotState.Owned) return refuse(state, Refusal.WrongShard);
    keys += 1;
  }
  for (const { key, value, revision, expiresAtMs } of readRecords(records)) {
    staged.put(key, { value, version: revision, expiresAtMs });
    if (expiresAtMs !== 0) expiry.add({ key: Uint8Array.from(key), expiresAtMs });
  }
  return done({ ...state, loads: state.loads + 1, keys: state.keys + keys }, keys);
}

function seal(
  state: RestoreState,
  { loads, keys, revision, forgottenThroughMs }: SealFields,
): RestoreOutcome {
  if (state.phase === RestorePhase.Sealed) return done(state, state.keys);
  if (state.phase !== RestorePhase.Loading) return refuse(state, Refusal.RestoreSuperseded);
  if (state.loads !== loads || state.keys !== keys) return refuse(state, Refusal.RestoreIncomplete);
  return done({ ...state, phase: RestorePhase.Sealed, revision, forgottenThroughMs }, keys);
}
