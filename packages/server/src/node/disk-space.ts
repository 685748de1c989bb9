/**
 * Refuses new data before the disk is full. A full disk stops the log, and with it everything, deletes included; so a part of
 * the disk is kept in reserve, and when only that is left writes are refused while reads and deletes go on. When there
 * is room again the node goes on by itself.
 */
import { statfs } from "node:fs/promises";
import { Alarm_Kind as AlarmKind } from "@titan-kv/proto";
import { ApiError } from "../http/api-error.ts";
import type { AlarmBoard } from "./alarm-board.ts";

/** Kept free for deletes, merges and the log, in bytes. */
export const reservedBytes: number = 128 * 1024 * 1024;
/** Writes are taken again when there is this much more than the reserve, so that the alarm does not flicker. */
const resumeBytes: number = reservedBytes * 2;
/** How often the disk is looked at, in milliseconds. */
const intervalMs = 500;
/** What a caller waits before it tries again. */
const retryMs = 1000;

const subject = { kind: AlarmKind.NO_SPACE, shard: 0 };

/** Told what puts are answered with; `undefined` when they are welcome. */
export type RefusePuts = (refusal: ApiError | undefined) => void;

export class DiskSpace {
  readonly #directory: string;
  readonly #alarms: AlarmBoard;
  readonly #refusePuts: RefusePuts;
  readonly #freeBytes: (directory: string) => Promise<number>;
  #isShort = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(fields: {
    readonly directory: string;
    readonly alarms: AlarmBoard;
    readonly refusePuts: RefusePuts;
    /** Default: what the file system says. */
    readonly freeBytes?: (directory: string) => Promise<number>;
  }) {
    this.#directory = fields.directory;
    this.#alarms = fields.alarms;
    this.#refusePuts = fields.refusePuts;
    this.#freeBytes = fields.freeBytes ?? freeBytesOf;
  }

  start(): void {
    // A file system that cannot be asked is not full for that reason.
    this.#timer = setInterval(() => void this.check().catch(() => undefined), intervalMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async check(): Promise<void> {
    const free = await this.#freeBytes(this.#directory);
    if (free < reservedBytes || (this.#isShort && free < resumeBytes)) {
      const message = `the disk has ${free} bytes left: writes are refused until there are ${resumeBytes}; deletes work`;
      // Each time: somebody may have cleared it although there is no more room.
      this.#alarms.raise(subject, message);
      if (this.#isShort) return;
      this.#isShort = true;
      this.#refusePuts(
        new ApiError({ reason: "NO_SPACE", outcome: "NOT_APPLIED", message, retryAfterMs: retryMs }),
      );
    } else if (this.#isShort) {
      this.#isShort = false;
      this.#alarms.clear(subject);
      this.#refusePuts(undefined);
    }
  }
}

async function freeBytesOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
