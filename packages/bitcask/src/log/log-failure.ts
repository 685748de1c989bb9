import { BitcaskError, systemCodeOf, wrapSystemError } from "../errors.ts";
import type { EventHub } from "../events.ts";
import type { FileHandle } from "../fs/file-system.ts";

/**
 * What the log does after the disk has failed it.
 *
 * - A failed **sync** cannot be retried. The kernel marks the pages clean whether or not they reached the disk, so a
 *   second sync would report success for data that is gone (Rebello et al., "Can Applications Recover from fsync
 *   Failures?", USENIX ATC 2020). Writing stops until the store is opened again; reading goes on.
 * - A failed **write** (most often a full disk) is cut back to the last good record and synced. Then the write certainly
 *   did not happen, and `resume()` may be tried once there is space.
 */
export class LogFailure {
  /** Set for good by a failed sync. */
  syncError: BitcaskError | undefined = undefined;
  /** Set by a failed write, until `resume()`. */
  writeError: BitcaskError | undefined = undefined;
  readonly #events: EventHub;

  constructor(events: EventHub) {
    this.#events = events;
  }

  get stopped(): BitcaskError | undefined {
    return this.syncError ?? this.writeError;
  }

  /** Throws if writing has stopped. A full disk lets deletes try: they are small, and they are the way out. */
  refuseIfStopped(deletesOnly = false): void {
    const cause = this.stopped;
    if (!cause || (deletesOnly && !this.syncError && cause.code === "NO_SPACE")) return;
    const remedy = this.syncError
      ? "Close the store and open it again"
      : "Remove the cause, then call resume()";
    throw new BitcaskError(
      "WRITES_STOPPED",
      `writing has stopped because of an earlier error. ${remedy}. (${cause.message})`,
      {
        outcome: "not-applied",
        cause,
      },
    );
  }

  /** Throws after a failed sync: what memory and disk agree on is then unknown. A full disk is no reason, merging makes space. */
  refuseIfUnsafe(): void {
    if (this.syncError) this.refuseIfStopped();
  }

  writeFailed(handle: FileHandle, at: { file: string; goodSize: number; cause: unknown }): BitcaskError {
    const { file, goodSize, cause } = at;
    try {
      handle.truncate(goodSize);
      // Or power loss could bring back the part that was written, after the caller was told that it did not happen.
      handle.sync();
    } catch (error) {
      return this.syncFailed(file, error);
    }
    this.writeError = wrapSystemError(cause, `writing to ${file}`, {
      file,
      offset: goodSize,
      outcome: "not-applied",
    });
    this.#events.emit({ type: "writesStopped", error: this.writeError });
    return this.writeError;
  }

  syncFailed(file: string, cause: unknown): BitcaskError {
    if (this.syncError) return this.syncError;
    const reason = systemCodeOf(cause) ?? String(cause);
    this.syncError = new BitcaskError(
      "SYNC_FAILED",
      `syncing ${file} failed (${reason}); whether its last writes are durable is unknown. Close the store and open it again: ` +
        "what is found then is what survived.",
      { file, outcome: "unknown", cause },
    );
    this.#events.emit({ type: "writesStopped", error: this.syncError });
    return this.syncError;
  }

  /** The next file could not be made. Nothing of the group was written. */
  rotationFailed(file: string, cause: unknown): BitcaskError {
    if (cause instanceof BitcaskError && cause.code === "SYNC_FAILED") {
      this.syncError ??= cause;
    }
    const code = systemCodeOf(cause);
    const error = wrapSystemError(cause, `creating ${file}`, { file, outcome: "not-applied" });
    // A lack of descriptors passes by itself; anything else waits for resume().
    if (code !== "EMFILE" && code !== "ENFILE") {
      this.writeError ??= error;
      this.#events.emit({ type: "writesStopped", error });
    }
    return error;
  }

  /** The records are written but could not be taken into the keydir, so memory and disk disagree from here on. */
  applyFailed(cause: unknown): BitcaskError {
    this.syncError ??= wrapSystemError(cause, "reading an older record while taking in a write", {
      outcome: "unknown",
    });
    this.#events.emit({ type: "writesStopped", error: this.syncError });
    return this.syncError;
  }

  clear(): void {
    if (this.syncError) {
      throw new BitcaskError(
        "SYNC_FAILED",
        "a failed sync cannot be resumed from; close the store and open it again",
        {
          cause: this.syncError,
        },
      );
    }
    this.writeError = undefined;
  }
}
