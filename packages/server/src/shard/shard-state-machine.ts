/**
 * The state machine of a shard: what the entries of its log do to its store.
 *
 * Every replica applies the same entries in the same order and must reach the same state, so nothing here looks at a
 * clock, at the order of a hash table, or at anything else that two replicas could see differently: time is what the
 * leader stamped into the entry, and ownership is what the log said before.
 *
 * What was applied is staged in memory, where reads find it, and goes to the store a little later, together: several runs
 * of entries become one atomic batch, with the counters and the changed sessions in it. Nothing depends on when: the log
 * has it all, and a replica that starts again applies what its store does not have. So a batch is cheap however small the
 * runs are, a key that changes often is written once, and data and counters are in step at whatever point a crash hits.
 */
import { OperationKind, OperationView, readIdentity, WireError, WireReader } from "@titan-kv/proto/pipeline";
import { slotOf } from "@titan-kv/ring";
import { type Change, ChangeHistory, type ChangeKind } from "./change-history.ts";
import { AppliedResults, packRefusal, Refusal, refusalOf } from "./applied-result.ts";
import { applyRestore } from "./apply-restore.ts";
import {
  CommandError,
  CommandKind,
  encodeOwnSlots,
  readHeader,
  readOwnSlots,
  readVerifyPoint,
  visitSections,
} from "./command.ts";
import { ExpiryIndex } from "./expiry-index.ts";
import { readRestore, RestoreStep } from "./restore-command.ts";
import {
  decodeRestoreState,
  encodeRestoreState,
  noRestore,
  RestorePhase,
  type RestoreState,
} from "./restore-state.ts";
import { Session } from "./session.ts";
import { type SessionLimits, SessionTable } from "./session-table.ts";
import {
  chain,
  decodeCounters,
  encodeCounters,
  initialCounters,
  type ShardCounters,
} from "./shard-counters.ts";
import { type ShardStore, type StoredEntry, systemKeyByte } from "./shard-store.ts";
import { SlotOwnership, SlotState } from "./slot-ownership.ts";
import { StagedWrites } from "./staged-writes.ts";
import { applyTxn, decodeTxn, txnKeys } from "./transaction.ts";
import { applyWrite, isPresent, presentEntry, type WriteContext, writeRequestOf } from "./write-rules.ts";

/** An entry of the log, as the state machine needs it. */
export interface LogEntry {
  readonly index: number;
  readonly term: number;
  /** Empty for entries that carry no command. */
  readonly data: Uint8Array;
}

/** A point at which replicas compare what they hold. */
export interface VerifyPoint {
  readonly id: number;
  readonly index: number;
  readonly chainHash: number;
  /** Whether the contents are to be compared too, not only what was done to them. */
  readonly withDigests: boolean;
}

/** What may be staged before it goes to the store at once: a batch of this size holds up the process for a millisecond or two. */
const maxStagedKeys = 1024;
const maxStagedBytes = 1024 * 1024;

/** Keys that one Expire command removes at most; the next one goes on. */
export const maxExpiredPerCommand = 1000;

const sessionKeyByte = 0x73;
/** Where a shard remembers which slots it owns. */
export const ownershipKey: Uint8Array = Uint8Array.of(systemKeyByte, 0x6f);
const restoreKey = Uint8Array.of(systemKeyByte, 0x72);
/** What the keys of sessions begin with; the session's id follows. */
export const sessionPrefix: Uint8Array = Uint8Array.of(systemKeyByte, sessionKeyByte);

export class ShardStateMachine {
  readonly #store: ShardStore;
  readonly #sessionLimits: SessionLimits;
  readonly #view = new OperationView();
  readonly #staged: StagedWrites;
  #counters: ShardCounters = { ...initialCounters };
  #sessions: SessionTable;
  #ownership = new SlotOwnership();
  #expiry = new ExpiryIndex();
  #verifyPoint: VerifyPoint | undefined;
  #restore: RestoreState = noRestore;
  /** Whether something was applied that the store does not have. */
  #isAhead = false;
  /** Why nothing can be applied any more, and what is in memory must not be read. */
  #failure: unknown;
  /** The newest changes, for those who follow the shard. */
  readonly history: ChangeHistory = new ChangeHistory(0);
  /** Changes of the run that is being applied. */
  #changes: Change[] = [];
  /** Told when the store falls behind what was applied, so that `settle` is called before long. */
  onAhead: (() => void) | undefined;
  /** Told when the store could not be written outside of `apply`. */
  onFailure: ((error: unknown) => void) | undefined;
  /** Told about a point of comparison in the moment when the store is exactly there. */
  onVerifyPoint: ((point: VerifyPoint) => void) | undefined;

  constructor(store: ShardStore, sessionLimits: SessionLimits) {
    this.#store = store;
    this.#sessionLimits = sessionLimits;
    this.#staged = new StagedWrites(store);
    this.#sessions = new SessionTable(sessionLimits);
    this.reload();
  }

  get appliedIndex(): number {
    return this.#counters.appliedIndex;
  }

  get revision(): number {
    return this.#counters.revision;
  }

  get logTimeMs(): number {
    return this.#counters.logTimeMs;
  }

  get epoch(): number {
    return this.#ownership.epoch;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** The last point of comparison that was applied. */
  get verifyPoint(): VerifyPoint | undefined {
    return this.#verifyPoint;
  }

  /** The last restore from a snapshot, which may be under way. */
  get restore(): RestoreState {
    return this.#restore;
  }

  /** Whether nothing is served because a restore is under way. */
  get isRestoring(): boolean {
    return this.#restore.phase !== RestorePhase.Open;
  }

  /** When the next key may expire, by log time; `undefined` when none does. */
  get nextExpiryMs(): number | undefined {
    return this.#expiry.nextMs;
  }

  slotState(slot: number): SlotState {
    return this.#ownership.stateOf(slot);
  }

  /** Forgets everything in memory and reads it again from the store: at start, and when the store was replaced. */
  reload(): void {
    this.#failure = undefined;
    this.#isAhead = false;
    const meta = this.#store.meta();
    this.#counters = meta === undefined ? { ...initialCounters } : decodeCounters(meta);
    this.#staged.clear();
    this.#changes = [];
    this.history.restart(this.#counters.revision);
    this.#sessions = new SessionTable(this.#sessionLimits);
    for (const { key, entry } of this.#store.entries(sessionPrefix)) {
      const id = Buffer.from(key.subarray(sessionPrefix.length)).toString("hex");
      this.#sessions.load(id, Session.decode(entry.value));
    }
    this.#sessions.finishLoading({
      forgottenThroughMs: this.#counters.sessionsForgottenThroughMs,
      uses: this.#counters.sessionUses,
    });
    this.#ownership = new SlotOwnership();
    const stored = this.#store.getEntry(ownershipKey);
    if (stored !== undefined) {
      const { epoch, runs } = readOwnSlots(stored.value);
      this.#ownership.own(epoch, runs);
    }
    const restore = this.#store.getEntry(restoreKey);
    this.#restore = restore === undefined ? noRestore : decodeRestoreState(restore.value);
    this.#expiry = new ExpiryIndex();
    for (const item of this.#store.expiring()) this.#expiry.add(item);
  }

  /** The value of a key at the applied state. @throws the engine's CORRUPT error when its record is damaged. */
  get(key: Uint8Array): StoredEntry | undefined {
    return presentEntry(this, key, this.#counters.logTimeMs);
  }

  /** The record of a key at the applied state, whether its time is over or not. @throws like `get` */
  getEntry(key: Uint8Array): StoredEntry | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#staged.entry(key);
  }

  /**
   * Hands to the store what was applied and is only staged. Whoever looks at the store as a whole, or makes it durable, calls
   * this before.
   * @throws the engine's error; the machine must not be used any more then.
   */
  settle(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#isAhead) return;
    try {
      this.#commit();
    } catch (error) {
      this.#failure = error;
      this.onFailure?.(error);
      throw error;
    }
  }

  /**
   * Applies a run of entries and returns the answers, one per entry; `undefined` for an entry without writes.
   * @throws CommandError for an entry that this release cannot read, or the engine's error. The machine must not be used any
   * more then: half of the run may be in memory. The store has none of it.
   */
  apply(entries: readonly LogEntry[]): (AppliedResults | undefined)[] {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      const results = entries.map((entry) => this.#applyEntry(entry));
      this.#publish();
      if (this.#staged.size >= maxStagedKeys || this.#staged.bytes >= maxStagedBytes) this.#commit();
      else if (!this.#isAhead) {
        this.#isAhead = true;
        this.onAhead?.();
      }
      return results;
    } catch (error) {
      this.#failure = error instanceof WireError ? new CommandError(error.message, { cause: error }) : error;
      throw this.#failure;
    }
  }

  #applyEntry(entry: LogEntry): AppliedResults | undefined {
    // A restore looks into the store, which must have everything that came before and nothing of the restore itself.
    if (entry.data[1] === CommandKind.Restore) {
      this.#publish();
      this.#commit();
    }
    const counters = this.#counters;
    if (entry.index <= counters.appliedIndex) {
      throw new Error(
        `entry ${entry.index} was applied before; the shard stands at ${counters.appliedIndex}`,
      );
    }
    counters.appliedIndex = entry.index;
    counters.appliedTerm = entry.term;
    if (entry.data.length === 0) return undefined;
    const { kind, timeMs } = readHeader(entry.data);
    // Leaders change and their clocks differ: log time never goes back.
    counters.logTimeMs = Math.max(counters.logTimeMs, timeMs);
    switch (kind) {
      case CommandKind.Operations:
        return this.#applyOperations(entry.data);
      case CommandKind.Expire:
        this.#expire();
        return undefined;
      case CommandKind.OwnSlots:
        this.#ownSlots(entry.data);
        return undefined;
      case CommandKind.VerifyPoint:
        this.#verify(entry);
        return undefined;
      case CommandKind.Restore:
        return this.#applyRestore(entry.data);
    }
  }

  #applyRestore(data: Uint8Array): AppliedResults {
    const command = readRestore(data);
    const { packed, state } = applyRestore(
      {
        store: this.#store,
        staged: this.#staged,
        expiry: this.#expiry,
        slotState: (slot) => this.#ownership.stateOf(slot),
      },
      this.#restore,
      command,
    );
    const counters = this.#counters;
    counters.chainHash = chain(counters.chainHash, packed);
    if (command.step === RestoreStep.Open && refusalOf(packed) === undefined && this.isRestoring) {
      counters.revision = Math.max(counters.revision, state.revision);
      this.#sessions.refuseThrough(state.forgottenThroughMs);
      // What was loaded is told as no change; whoever follows the shard begins again.
      this.history.restart(counters.revision);
    }
    if (state !== this.#restore) {
      this.#restore = state;
      this.#staged.put(restoreKey, { value: encodeRestoreState(state), version: 0, expiresAtMs: 0 });
    }
    const results = new AppliedResults();
    results.push(packed, undefined);
    results.revision = counters.revision;
    return results;
  }

  #verify(entry: LogEntry): void {
    const { id, withDigests } = readVerifyPoint(entry.data);
    this.#verifyPoint = { id, index: entry.index, chainHash: this.#counters.chainHash, withDigests };
    // Whoever looks at the store now must see everything up to here and nothing of what follows.
    this.#publish();
    this.#commit();
    this.onVerifyPoint?.(this.#verifyPoint);
  }

  /** Writes the staged changes, the counters and the changed sessions as one batch. */
  #commit(): void {
    const counters = this.#counters;
    counters.sessionsForgottenThroughMs = this.#sessions.forgottenThroughMs;
    counters.sessionUses = this.#sessions.uses;
    for (const { id, encoded } of this.#sessions.takeChanges()) {
      const key = Buffer.concat([sessionPrefix, Buffer.from(id, "hex")]);
      if (encoded === undefined) this.#staged.delete(key);
      else this.#staged.put(key, { value: encoded, version: 0, expiresAtMs: 0 });
    }
    this.#store.write(this.#staged.operations(), encodeCounters(counters));
    this.#staged.clear();
    this.#isAhead = false;
  }

  /** Tells those who follow the shard what has changed. */
  #publish(): void {
    this.history.publish(this.#changes);
    this.#changes = [];
  }

  #applyOperations(data: Uint8Array): AppliedResults {
    const results = new AppliedResults();
    const reader = new WireReader(data);
    visitSections(data, (start, end) => {
      let session: Session | undefined;
      let refused = false;
      reader.reset(data, start, end);
      while (reader.position < end) {
        const tag = reader.varint();
        const fieldStart = reader.lengthDelimited();
        const fieldEnd = reader.position;
        if (tag === 0x12) {
          const identity = readIdentity(data, fieldStart, fieldEnd);
          session = this.#sessions.use(identity, this.#counters.logTimeMs);
          refused = session === undefined;
        } else {
          this.#view.read(data, fieldStart, fieldEnd);
          this.#applyOnce(results, session, refused);
        }
      }
    });
    this.#sessions.evict(this.#counters.logTimeMs);
    results.revision = this.#counters.revision;
    return results;
  }

  /** Applies the operation in the view unless its session has its answer already. */
  #applyOnce(results: AppliedResults, session: Session | undefined, sessionRefused: boolean): void {
    const { seq } = this.#view;
    const identified = seq > 0 ? session : undefined;
    if (seq > 0 && sessionRefused) {
      results.push(packRefusal(Refusal.SessionExpired), undefined);
      return;
    }
    if (identified !== undefined) {
      const known = identified.result(seq);
      if (known !== undefined) {
        results.push(known.packed, known.payload);
        return;
      }
      const refusal = refusalOfSeq(identified, seq);
      if (refusal !== undefined) {
        results.push(packRefusal(refusal), undefined);
        return;
      }
    }
    const misplaced = this.#ownershipRefusal();
    if (misplaced !== undefined) {
      // Not remembered: the write has not happened here and may be sent to the right shard with the same identity.
      results.push(packRefusal(misplaced), undefined);
      return;
    }
    const { packed, payload } = this.#applyView();
    this.#counters.chainHash = chain(this.#counters.chainHash, packed);
    identified?.remember(seq, { packed, payload });
    results.push(packed, payload);
  }

  #ownershipRefusal(): Refusal | undefined {
    if (this.isRestoring) return Refusal.Restoring;
    const view = this.#view;
    const keys = view.kind === OperationKind.Txn ? txnKeys(decodeTxn(this.#txnBytes())) : [view.key()];
    for (const key of keys) {
      const state = this.#ownership.stateOf(slotOf(key));
      if (state === SlotState.NotOwned) return Refusal.WrongShard;
      if (state === SlotState.Frozen) return Refusal.SlotMoving;
    }
    return undefined;
  }

  #txnBytes(): Uint8Array {
    const { buffer, txnStart, txnEnd } = this.#view;
    return buffer.subarray(txnStart, txnEnd);
  }

  #applyView(): { packed: number; payload: Uint8Array | undefined } {
    const view = this.#view;
    const context = this.#context();
    if (view.kind === OperationKind.Txn) return applyTxn(context, decodeTxn(this.#txnBytes()));
    if (view.kind === OperationKind.Get)
      return { packed: packRefusal(Refusal.Malformed), payload: undefined };
    const { packed, previous } = applyWrite(context, writeRequestOf(view, view.kind === OperationKind.Put));
    return { packed, payload: previous };
  }

  #context(): WriteContext {
    const counters = this.#counters;
    return {
      staged: this.#staged,
      expiry: this.#expiry,
      timeMs: counters.logTimeMs,
      change: this.#change,
    };
  }

  /** Gives a change its revision and keeps it until the batch is written. */
  readonly #change = (kind: ChangeKind, key: Uint8Array, value: Uint8Array | undefined): number => {
    this.#counters.revision += 1;
    const { revision } = this.#counters;
    this.#changes.push({ kind, key, value, revision });
    return revision;
  };

  #expire(): void {
    const counters = this.#counters;
    let removed = 0;
    while (removed < maxExpiredPerCommand) {
      const due = this.#expiry.takeDue(counters.logTimeMs);
      if (due === undefined) return;
      // The key may have been overwritten since, with another time or none.
      const expiresAtMs = this.#staged.expiresAtMs(due.key);
      if (expiresAtMs !== due.expiresAtMs || isPresent(expiresAtMs, counters.logTimeMs)) continue;
      this.#staged.delete(due.key);
      this.#change("expire", due.key, undefined);
      counters.chainHash = chain(counters.chainHash, counters.revision);
      removed += 1;
    }
  }

  #ownSlots(data: Uint8Array): void {
    const { epoch, runs } = readOwnSlots(data);
    if (!this.#ownership.own(epoch, runs)) return;
    const value = encodeOwnSlots(0, epoch, runs);
    this.#staged.put(ownershipKey, { value, version: 0, expiresAtMs: 0 });
  }
}

function refusalOfSeq(session: Session, seq: number): Refusal | undefined {
  if (seq < session.acknowledgedBelow) return Refusal.AlreadyAcknowledged;
  return session.isFull ? Refusal.SessionFull : undefined;
}
