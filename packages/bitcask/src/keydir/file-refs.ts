/**
 * Short names for data files.
 *
 * A file id has 32 bits and only grows; a record spends 16 bits on it. So the files that records are in at the moment have
 * short names, and a short name is given again once no record uses it. Counting the uses also tells how many keys each file still holds.
 */

/** Files that records may be in at one time: short names are 16 bits, and 0 is not used so that blank memory names no file. */
export const FILE_REFS_MAX = 65_535;

const INITIAL_REFS = 64;

/** How many records of one table are in each file. */
export class FileCounts {
  /** By short name. */
  counts: Uint32Array = new Uint32Array(INITIAL_REFS);

  add(ref: number): void {
    if (ref >= this.counts.length) {
      const grown = new Uint32Array(Math.max(ref + 1, this.counts.length * 2));
      grown.set(this.counts);
      this.counts = grown;
    }
    this.counts[ref]!++;
  }

  subtract(ref: number): void {
    this.counts[ref]!--;
  }

  /** Records in the file; 0 for a short name never counted. */
  of(ref: number): number {
    return this.counts[ref] ?? 0;
  }
}

/** The short names of one keydir, shared by its tables. */
export class FileRefs {
  /** File id by short name. */
  #fileIds = new Uint32Array(INITIAL_REFS);
  readonly #refs = new Map<number, number>();
  readonly #tables = new Set<FileCounts>();
  #lastFileId = -1;
  #lastRef = 0;
  /** Short names handed out so far are 1 to this one. */
  #highest = 0;
  /** Where the search for a name to give again goes on, so that it does not start over each time. */
  #searchFrom = 1;

  /** Counts that keep names in use until {@link unregister}. */
  register(counts: FileCounts): void {
    this.#tables.add(counts);
  }

  unregister(counts: FileCounts): void {
    this.#tables.delete(counts);
  }

  /** Short name of the file; makes one if it has none. A `RangeError` if 65,535 files are in use. */
  refOf(fileId: number): number {
    // Writes come in runs that go to one file.
    if (fileId === this.#lastFileId) return this.#lastRef;
    const ref = this.#refs.get(fileId) ?? this.#assign(fileId);
    this.#lastFileId = fileId;
    this.#lastRef = ref;
    return ref;
  }

  /** Short name of the file, or 0 if it has none. */
  existing(fileId: number): number {
    return this.#refs.get(fileId) ?? 0;
  }

  fileId(ref: number): number {
    return this.#fileIds[ref]!;
  }

  #assign(fileId: number): number {
    const ref = this.#highest < FILE_REFS_MAX ? this.#unusedOrNext() : this.#unused();
    if (ref === 0) {
      throw new RangeError(`keys are spread over ${FILE_REFS_MAX} data files: merge, or use larger files`);
    }
    if (ref >= this.#fileIds.length) {
      const grown = new Uint32Array(this.#fileIds.length * 2);
      grown.set(this.#fileIds);
      this.#fileIds = grown;
    }
    if (ref <= this.#highest) this.#refs.delete(this.#fileIds[ref]!);
    else this.#highest = ref;
    this.#fileIds[ref] = fileId;
    this.#refs.set(fileId, ref);
    return ref;
  }

  /** Prefers giving a name again when the names have run to a power of two, so that a long life does not use them all up. */
  #unusedOrNext(): number {
    const next = this.#highest + 1;
    const mayGrow = (next & (next - 1)) !== 0;
    return mayGrow ? next : this.#unused() || next;
  }

  /** A name that no table uses, or 0. */
  #unused(): number {
    for (let tried = 0; tried < this.#highest; tried++) {
      const ref = this.#searchFrom;
      this.#searchFrom = ref === this.#highest ? 1 : ref + 1;
      if (this.#isUnused(ref)) return ref;
    }
    return 0;
  }

  #isUnused(ref: number): boolean {
    for (const counts of this.#tables) if (counts.of(ref) > 0) return false;
    return true;
  }
}
