/** A file is not a snapshot, is damaged, or is not whole. Nothing of it may be used. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
  /** Where in the file it was found, in bytes from its beginning. */
  readonly offset: number;

  constructor(offset: number, problem: string) {
    super(`the snapshot cannot be used: ${problem}, at byte ${offset}`);
    this.offset = offset;
  }
}
