import type { EventHub } from "../events.ts";
import { BitcaskError, wrapSystemError } from "../errors.ts";
import { fileHeaderBytes } from "../format/file-header.ts";
import type { Log } from "./log.ts";
import type { LogFile } from "./log-file.ts";

/**
 * Seals full files of the log, oldest first, once they are durable and every record of them is in the keydir: an edit
 * in the manifest says so, and the hint is completed. Runs behind the writers and never makes them wait.
 */
export class Sealer {
  readonly #log: Log;
  readonly #events: EventHub;
  #running: Promise<void> | undefined;
  /** Why the last attempt to seal a file failed. */
  lastError: BitcaskError | undefined = undefined;

  constructor(log: Log, events: EventHub) {
    this.#log = log;
    this.#events = events;
  }

  /** Looks whether something can be sealed now. Cheap when not. */
  kick(): void {
    if (this.#running || !this.#next()) return;
    this.#running = this.#run().finally(() => (this.#running = undefined));
  }

  /** Resolves when everything that can be sealed has been. */
  async settle(): Promise<void> {
    this.kick();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let next = this.#next(); next; next = this.#next()) {
      // oxlint-disable-next-line eslint/no-await-in-loop -- in order, so that a sealed file never follows an unsealed one
      if (!(await this.#seal(next))) return;
    }
  }

  #next(): LogFile | undefined {
    const { closing, durable, failure } = this.#log;
    const oldest = closing[0];
    if (!oldest || failure.syncError) return undefined;
    const { file, appliedTo } = oldest;
    if (file.size === fileHeaderBytes) return oldest;
    const isDurable =
      durable.fileId > file.fileId || (durable.fileId === file.fileId && durable.offset >= file.size);
    return isDurable && appliedTo === file.size ? oldest : undefined;
  }

  async #seal(target: LogFile): Promise<boolean> {
    const { file, hint } = target;
    const { fileId, size, minSeq, maxSeq, records } = file;
    try {
      if (records === 0) this.#log.manifest.commit([{ op: "remove", fileId }]);
      else this.#log.manifest.commit([{ op: "seal", fileId, size, minSeq, maxSeq, records }]);
    } catch (error) {
      // A full disk: tried again when the next file is full, or at the next open. A failed sync: nothing may go on.
      if (error instanceof BitcaskError && error.code === "SYNC_FAILED")
        this.#log.failure.syncFailed(file.name, error);
      this.lastError = wrapSystemError(error, `sealing ${file.name}`, { file: file.name });
      return false;
    }
    this.lastError = undefined;
    this.#log.closing.shift();
    file.sealed = true;
    if (records === 0) {
      hint.abandon();
      this.#log.table.drop(file);
      this.#log.table.removeNames(file.name);
      return true;
    }
    await hint.finish();
    this.#events.emit({ type: "sealed", fileId, bytes: size });
    return true;
  }
}
