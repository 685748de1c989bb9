/**
 * What live snapshots need and the table no longer has.
 *
 * A snapshot is a sequence number S: it sees the records of the table with a sequence number up to S, and, for keys that were replaced or
 * removed since, what was there before. Whoever replaces or removes a record that the newest live snapshot sees saves a copy of it in
 * that snapshot's own table first. An older snapshot looks in its own table and in those of all younger ones. For a given key only one of
 * those records, or the one in the main table, is not newer than S and was still there after S was taken; so the order of looking does not matter.
 *
 * Freezing the hash table instead, and collecting changes beside it, is how basho/bitcask does it, and was the source of its bugs #104,
 * #174, #177 and #180: one iterator at a time, and several states that a key can be in.
 *
 * When the oldest snapshot is released, its table is dropped as a whole. When another is released, part of its table is still needed by the
 * next older one, and is moved over to that one's table in small steps, on the way of later mutations.
 */
import type { RecordTable } from "./record-table.ts";
import { ROUTE_BITS } from "./record-heap.ts";

/** Segments that are given back at once when a table is dropped: a few milliseconds at most. The rest goes on the way of later mutations. */
const SEGMENTS_DROPPED_AT_ONCE = 512;
/** One step of moving in so many mutations. A step frees up to a segment, thousands of records, so it is always ahead of what mutations add. */
const MUTATIONS_PER_STEP = 32;

/** A live snapshot's part of the log. */
export interface Epoch {
  /** The snapshot sees records with a sequence number up to this. */
  readonly seq: number;
  /** Records saved since this snapshot, until the next younger live one. Made when first needed. */
  own: RecordTable | undefined;
  /** Tables of which the records that this snapshot sees are being moved to `own`. */
  leftovers: RecordTable[];
  /** First route of the first table of `leftovers` that has not been moved. */
  movedRoute: number;
}

/** The saved records of all live snapshots. */
export class UndoLog {
  readonly #makeTable: () => RecordTable;
  /** Live snapshots, oldest first. */
  readonly #epochs: Epoch[] = [];
  #mutations = 0;
  #hasLeftovers = false;
  /** Tables out of use that have not given back all their memory. */
  readonly #dropped: RecordTable[] = [];
  /** The newest live snapshot. */
  newest: Epoch | undefined = undefined;

  constructor(makeTable: () => RecordTable) {
    this.#makeTable = makeTable;
  }

  /** Bytes held besides pages of the pool. */
  get bookkeepingBytes(): number {
    let bytes = 0;
    for (const epoch of this.#epochs) {
      for (const table of tablesOf(epoch)) bytes += table.bookkeepingBytes;
    }
    for (const table of this.#dropped) bytes += table.bookkeepingBytes;
    return bytes;
  }

  /** Begins a snapshot that sees records with a sequence number up to `seq`. */
  open(seq: number): Epoch {
    const epoch: Epoch = { seq, own: undefined, leftovers: [], movedRoute: 0 };
    this.#epochs.push(epoch);
    this.newest = epoch;
    return epoch;
  }

  /** Ends a snapshot, which must be live. */
  close(epoch: Epoch): void {
    const index = this.#epochs.indexOf(epoch);
    this.#epochs.splice(index, 1);
    this.newest = this.#epochs.at(-1);
    const older = this.#epochs[index - 1];
    for (const table of tablesOf(epoch)) {
      if (older === undefined) this.discard(table);
      else this.#leave(table, older);
    }
  }

  /** Saves a record that is about to be replaced or removed, if a snapshot sees it. */
  save(table: RecordTable, address: number, hashLow: number): void {
    const { newest } = this;
    if (newest === undefined || table.heap.seqAt(address) > newest.seq) return;
    newest.own ??= this.#makeTable();
    newest.own.insertCopy(address, hashLow, 0);
  }

  /** Takes over a whole table whose keys were all removed at once. */
  adopt(table: RecordTable): void {
    if (this.newest === undefined) this.discard(table);
    else this.#leave(table, this.newest);
  }

  /** Gives back the memory of a table that nobody needs. */
  discard(table: RecordTable): void {
    table.drop();
    if (table.dropSegments(SEGMENTS_DROPPED_AT_ONCE)) this.#dropped.push(table);
  }

  /** Tables in which a snapshot finds what the main table no longer has. */
  *tablesSeenBy(epoch: Epoch): Generator<RecordTable> {
    for (let i = this.#epochs.indexOf(epoch); i < this.#epochs.length; i++) yield* tablesOf(this.#epochs[i]!);
  }

  /** Called at each mutation: does a step of the work that is due. */
  afterMutation(): void {
    if (!this.#hasLeftovers && this.#dropped.length === 0) return;
    if (++this.#mutations % MUTATIONS_PER_STEP !== 0) return;
    if (this.#dropped[0]?.dropSegments(1) === false) this.#dropped.shift();
    const epoch = this.#epochs.find((candidate) => candidate.leftovers.length > 0);
    if (epoch === undefined) this.#hasLeftovers = false;
    else this.#moveSegment(epoch, epoch.leftovers[0]!);
  }

  #leave(table: RecordTable, epoch: Epoch): void {
    epoch.leftovers.push(table);
    this.#hasLeftovers = true;
  }

  #moveSegment(epoch: Epoch, source: RecordTable): void {
    if (epoch.movedRoute === 2 ** ROUTE_BITS) {
      this.discard(source);
      epoch.leftovers.shift();
      epoch.movedRoute = 0;
      return;
    }
    const segment = source.segmentOf(epoch.movedRoute);
    epoch.own ??= this.#makeTable();
    for (const slot of segment.usedSlots()) {
      const address = segment.addressIn(slot);
      if (source.heap.seqAt(address) > epoch.seq) continue;
      epoch.own.insertCopy(address, segment.slots[slot]!, segment.addressBits);
    }
    source.removeAllIn(segment);
    epoch.movedRoute = segment.endRoute;
  }
}

function tablesOf(epoch: Epoch): RecordTable[] {
  return epoch.own === undefined ? epoch.leftovers : [epoch.own, ...epoch.leftovers];
}
