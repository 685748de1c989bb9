/** A snapshot of the keydir: the main table as far as it is not newer, and the undo log for the rest. */
import { BufferedCursor, type EntryBuffer, type EntrySource } from "./entry-buffer.ts";
import type { KeyHash } from "./key-hash.ts";
import type { KeydirCursor, KeydirSnapshot, KeyRange, OrderedKeys } from "./keydir.ts";
import { OrderedScan, type ScannedView } from "./ordered-scan.ts";
import { ROUTE_BITS, type RecordHeap } from "./record-heap.ts";
import type { RecordTable } from "./record-table.ts";
import type { Epoch, UndoLog } from "./undo-log.ts";

/** What a snapshot looks at. */
export interface KeydirViewOptions {
  readonly heap: RecordHeap;
  readonly hash: KeyHash;
  readonly undo: UndoLog;
  /** The main table, which `clear` replaces. */
  readonly table: () => RecordTable;
  /** Highest sequence number that the snapshot sees. */
  readonly seq: number;
}

/** See {@link KeydirSnapshot}. */
export class KeydirView implements KeydirSnapshot, ScannedView {
  readonly heap: RecordHeap;
  readonly size: number;
  readonly seq: number;
  readonly ordered: OrderedKeys | undefined;
  readonly #hash: KeyHash;
  readonly #undo: UndoLog;
  readonly #table: () => RecordTable;
  readonly #epoch: Epoch;
  closed = false;

  constructor(options: KeydirViewOptions) {
    this.heap = options.heap;
    this.#hash = options.hash;
    this.#undo = options.undo;
    this.#table = options.table;
    this.seq = options.seq;
    this.size = options.table().size;
    this.#epoch = options.undo.open(options.seq);
    this.ordered = this.heap.ordered
      ? { scan: (range: KeyRange = {}) => new BufferedCursor(this.heap, new OrderedScan(this, range)) }
      : undefined;
  }

  find(key: Uint8Array, start = 0, end: number = key.length): number {
    if (this.closed) return -1;
    this.#hash.update(key, start, end);
    for (const table of this.tables()) {
      const address = table.locate(this.#hash, key, start, end);
      if (address !== -1 && this.heap.seqAt(address) <= this.seq) return address;
    }
    return -1;
  }

  cursor(): KeydirCursor {
    return new BufferedCursor(this.heap, new RouteScan(this));
  }

  *tables(): Generator<RecordTable> {
    yield this.#table();
    yield* this.#undo.tablesSeenBy(this.#epoch);
  }

  release(): void {
    if (this.closed) return;
    this.closed = true;
    this.#undo.close(this.#epoch);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/**
 * Walks over a view by route: one batch is everything in a range of routes, taken from all tables at one moment. Segments only ever split, and
 * a record stays within its route when it is saved or moved, so no entry is told twice or missed.
 */
class RouteScan implements EntrySource {
  readonly #view: KeydirView;
  #route = 0;

  constructor(view: KeydirView) {
    this.#view = view;
  }

  get closed(): boolean {
    return this.#view.closed;
  }

  fill(buffer: EntryBuffer): boolean {
    // The range is as wide as the finest segment at this place, so that a batch stays small.
    const first = this.#route;
    let end = 2 ** ROUTE_BITS;
    for (const table of this.#view.tables()) end = Math.min(end, table.segmentOf(first).endRoute);
    for (const table of this.#view.tables()) this.#addVisible(table, first, end, buffer);
    this.#route = end;
    return end < 2 ** ROUTE_BITS;
  }

  #addVisible(table: RecordTable, first: number, end: number, buffer: EntryBuffer): void {
    const { heap, seq } = this.#view;
    const segment = table.segmentOf(first);
    for (const slot of segment.usedSlots()) {
      const address = segment.addressIn(slot);
      const route = heap.routeAt(address);
      if (route >= first && route < end && heap.seqAt(address) <= seq) buffer.add(address);
    }
  }
}
