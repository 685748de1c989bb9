/** Records that are sent together, and what else was read between them. */
import { ContentSum } from "./content-sum.ts";
import type { ImportRecord, Reject, SourceItem } from "./record.ts";

/** Largest number of records in a chunk, and bytes of their values. */
const maxRecords = 500;
const maxBytes = 1024 * 1024;

/** A record with its place in the source. */
export interface PlacedRecord {
  readonly place: string;
  readonly record: ImportRecord;
}

/** A run of the source. */
export class Chunk {
  readonly records: PlacedRecord[] = [];
  readonly rejects: Reject[] = [];
  readonly keys: Set<string> = new Set<string>();
  /** What was imported of it, once it has been. */
  readonly sum: ContentSum = new ContentSum();
  imported = 0;
  importedBytes = 0;
  /** The item that ends it. */
  position = "";
  bytesRead = 0;
  #bytes = 0;

  get isFull(): boolean {
    return this.records.length >= maxRecords || this.#bytes >= maxBytes;
  }

  get isEmpty(): boolean {
    return this.position === "";
  }

  add({ position, bytesRead, found }: SourceItem): void {
    this.position = position;
    this.bytesRead = bytesRead;
    if (found.type === "reject") this.rejects.push(found.reject);
    if (found.type !== "record") return;
    const { record } = found;
    this.records.push({ place: found.place, record });
    this.keys.add(record.key);
    this.#bytes += record.key.length + record.value.length;
  }

  /** Counts a record that the cluster has. */
  counted({ key, value }: ImportRecord): void {
    this.sum.add(key, value);
    this.imported += 1;
    this.importedBytes += value.length;
  }
}
