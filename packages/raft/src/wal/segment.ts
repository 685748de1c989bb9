import type { LogFile } from "./file-system.ts";
import type { SegmentHeader } from "./segment-header.ts";

/** One open file of the log. */
export class Segment {
  readonly header: SegmentHeader;
  readonly path: string;
  readonly file: LogFile;
  /**
   * How many things in this segment somebody still needs: runs of entries, hard states, beginnings of logs. At zero
   * the segment may go as soon as it is the oldest one.
   */
  references = 0;

  constructor(header: SegmentHeader, path: string, file: LogFile) {
    this.header = header;
    this.path = path;
    this.file = file;
  }

  get sequence(): number {
    return this.header.sequence;
  }

  get bytes(): number {
    return this.header.bytes;
  }
}
