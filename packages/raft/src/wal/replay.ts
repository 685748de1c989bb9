/**
 * Reads a log from its files.
 *
 * The question that matters is where the log ends. Only one batch is ever on its way to the disk, and its successor is
 * written when it is durable. So a batch that is incomplete and has no successor anywhere was never reported durable:
 * that is the *torn tail* of a crash, and the log ends before it. A batch that is incomplete and has a successor *was*
 * reported durable, and somebody may have been promised what it held: that is *damage*, and cutting the log there would
 * break the promise. The two must never be taken for each other.
 *
 * The rule is blind in one place: damage to the very last batch looks like a torn one. `FileLog.flush` therefore writes
 * an empty batch after the last one when there is nothing else to do, and so does `close`.
 */
import { basename, join } from "node:path";
import type { BatchHeader } from "./batch-header.ts";
import { type Expected, following, type RecordDamage, SegmentContent } from "./segment-content.ts";
import type { LogDamage, TornTail } from "./damage.ts";
import type { FileSystem, OpenMode } from "./file-system.ts";
import { segmentFileName, segmentHeaderBytes, segmentSequenceOf } from "./format.ts";
import type { LogRecord } from "./record.ts";
import { Segment } from "./segment.ts";
import { decodeSegmentHeader } from "./segment-header.ts";

/** Who is told what the log says. */
export interface ReplayVisitor {
  /** A batch begins. */
  batch?(place: { readonly segment: Segment; readonly offset: number; readonly sequence: number }): void;
  /** A record; returns a sentence when it contradicts those before it. */
  record(record: LogRecord, segment: Segment): string | undefined;
}

/** What was found. */
export interface ReplayResult {
  /** From the oldest that is needed to the newest; open. */
  readonly segments: readonly Segment[];
  /** Segments older than that, which a crash kept from being reused; open. */
  readonly surplus: readonly Segment[];
  /** Where the next batch goes: a position in `segments`, an offset there, and what the batch must say. */
  readonly end: { readonly segment: number; readonly offset: number; readonly expected: Expected };
  /** Where the newest batch begins in the segment at `end`, before which it ends; undefined when that has none. */
  readonly newestBatch: number | undefined;
  readonly damage: readonly LogDamage[];
  readonly tornTail?: TornTail;
}

/** Replays the log in `directory`. Files are opened in `mode` and left open, unless this throws. */
export function replay(
  fileSystem: FileSystem,
  directory: string,
  options: { readonly mode: OpenMode; readonly visitor: ReplayVisitor },
): ReplayResult {
  const run = new Replay(options.visitor);
  const opened = openSegments(fileSystem, directory, options.mode);
  try {
    return run.run(opened);
  } catch (error) {
    for (const segment of opened.segments) segment.file.close();
    throw error;
  }
}

interface Opened {
  readonly segments: Segment[];
  readonly damage: LogDamage[];
}

function openSegments(fileSystem: FileSystem, directory: string, mode: OpenMode): Opened {
  const segments: Segment[] = [];
  const damage: LogDamage[] = [];
  const sequences = fileSystem
    .list(directory)
    .map(segmentSequenceOf)
    .filter((sequence) => sequence !== undefined)
    .toSorted((one, other) => one - other);
  for (const sequence of sequences) {
    const name = segmentFileName(sequence);
    const path = join(directory, name);
    const file = fileSystem.open(path, mode);
    const block = new Uint8Array(segmentHeaderBytes);
    const header = decodeSegmentHeader(block.subarray(0, file.read(block, 0)));
    const problem =
      typeof header === "string"
        ? header
        : header.sequence !== sequence
          ? `the file says that it is segment ${header.sequence}`
          : file.size() < header.bytes
            ? `the file has ${file.size()} bytes and should have ${header.bytes}`
            : undefined;
    if (typeof header === "string" || problem !== undefined) {
      damage.push({ segment: name, offset: 0, problem: problem ?? "" });
      file.close();
    } else {
      segments.push(new Segment(header, path, file));
    }
  }
  const logId = segments.at(-1)?.header.logId.toString();
  for (const segment of segments) {
    if (segment.header.logId.toString() !== logId) {
      damage.push({ segment: basename(segment.path), offset: 0, problem: "the file belongs to another log" });
    }
  }
  return { segments, damage };
}

/** The place where the chain of batches is being followed. */
interface Cursor {
  /** Position in the list of segments. */
  segment: number;
  at: number;
  expected: Expected | undefined;
  /** Where the batch begins that was taken last from this segment. */
  newest: number | undefined;
  /** A batch that broke off at the end of an earlier segment: damaged, if the chain goes on behind it. */
  suspect: { readonly segment: number; readonly at: number } | undefined;
}

class Replay {
  readonly #visitor: ReplayVisitor;
  readonly #damage: LogDamage[] = [];
  #segments: readonly Segment[] = [];
  #content: { readonly segment: Segment; readonly content: SegmentContent } | undefined;

  constructor(visitor: ReplayVisitor) {
    this.#visitor = visitor;
  }

  run(opened: Opened): ReplayResult {
    this.#damage.push(...opened.damage);
    const oldest = this.#oldestNeeded(opened.segments);
    this.#segments = opened.segments.filter(({ sequence }) => sequence >= oldest);
    const surplus = opened.segments.filter(({ sequence }) => sequence < oldest);
    if (this.#damage.length === 0) this.#checkNoneMissing(oldest);
    const cursor: Cursor = {
      segment: 0,
      at: segmentHeaderBytes,
      expected: undefined,
      newest: undefined,
      suspect: undefined,
    };
    while (cursor.segment < this.#segments.length && this.#step(cursor));
    return {
      segments: this.#segments,
      surplus,
      end: {
        segment: cursor.segment,
        offset: cursor.at,
        expected: cursor.expected ?? { sequence: 1, previousChecksum: 0 },
      },
      newestBatch: cursor.newest,
      damage: this.#damage,
      ...this.#tornTail(cursor.segment, cursor.at),
    };
  }

  /** The newest batch of the log says which segment is the oldest that it needs. */
  #oldestNeeded(segments: readonly Segment[]): number {
    for (const segment of segments.toReversed()) {
      const newest = this.#read(segment).newestBatch();
      if (newest !== undefined) return newest.oldestSegment;
    }
    return segments.length === 0 ? 0 : 1;
  }

  #checkNoneMissing(oldest: number): void {
    let sequence = oldest;
    for (const segment of this.#segments) {
      for (; sequence < segment.sequence; sequence++) {
        this.#damage.push({ segment: segmentFileName(sequence), offset: 0, problem: "the file is missing" });
      }
      sequence = segment.sequence + 1;
    }
  }

  /** Takes one batch, or finds out why there is none. Returns false at the end of the log. */
  #step(cursor: Cursor): boolean {
    const segment = this.#segments[cursor.segment];
    if (segment === undefined) return false;
    const content = this.#read(segment);
    const place = content.place(cursor.at, cursor.expected);
    if (place.kind === "batch") {
      // The chain continues, so whatever broke off in an earlier segment was never part of it.
      cursor.suspect = undefined;
      this.#take(segment, content, cursor, place.header);
      cursor.newest = cursor.at;
      cursor.at = place.next;
      cursor.expected = following(place.header);
      return true;
    }
    const sequence = cursor.expected?.sequence ?? 1;
    if (place.kind === "brokenBody") {
      const later = content.findFrom(place.next, place.header.sequence + 1);
      if (later !== undefined) {
        this.#takeWhatIsLeft(segment, content, cursor, place.header);
        cursor.at = later.at === place.next ? place.next : later.at;
        cursor.expected = later.at === place.next ? following(place.header) : undefined;
        return true;
      }
    } else {
      // The batch expected here, in another place or with another predecessor, contradicts the chain as a later one
      // does: something that was written is not where it was written.
      const later = content.findFrom(cursor.at, sequence);
      if (later !== undefined) {
        this.#lost(cursor, "a batch that was durable is gone: there is a later one");
        cursor.at = later.at;
        cursor.expected = undefined;
        return true;
      }
    }
    return this.#leave(cursor);
  }

  /** The segment holds no further batch: the log goes on in the next one that holds any, or ends here. */
  #leave(cursor: Cursor): boolean {
    const sequence = cursor.expected?.sequence ?? 1;
    for (let next = cursor.segment + 1; next < this.#segments.length; next++) {
      const segment = this.#segments[next];
      if (segment === undefined || this.#read(segment).findFrom(segmentHeaderBytes, sequence) === undefined)
        continue;
      cursor.suspect ??= { segment: cursor.segment, at: cursor.at };
      cursor.segment = next;
      cursor.at = segmentHeaderBytes;
      cursor.newest = undefined;
      return true;
    }
    return false;
  }

  #take(segment: Segment, content: SegmentContent, cursor: Cursor, header: BatchHeader): void {
    this.#visitor.batch?.({ segment, offset: cursor.at, sequence: header.sequence });
    const bad = content.records(cursor.at, header, (record) => this.#visitor.record(record, segment));
    for (const damage of bad) this.#report(segment, cursor.at, [damage]);
  }

  #takeWhatIsLeft(segment: Segment, content: SegmentContent, cursor: Cursor, header: BatchHeader): void {
    this.#visitor.batch?.({ segment, offset: cursor.at, sequence: header.sequence });
    const bad = content.records(cursor.at, header, (record) => this.#visitor.record(record, segment));
    if (bad.length > 0) this.#report(segment, cursor.at, bad);
    else {
      const problem = "a batch does not match its checksum, although its records do";
      this.#damage.push({ segment: basename(segment.path), offset: cursor.at, problem, groups: [] });
    }
  }

  #report(segment: Segment, offset: number, bad: readonly RecordDamage[]): void {
    const groups = bad.map(({ group }) => group);
    const problem = bad.map((damage) => damage.problem).join("; ");
    const known = groups.filter((group) => group !== undefined);
    const all = known.length === groups.length ? { groups: [...new Set(known)] } : {};
    this.#damage.push({ segment: basename(segment.path), offset, problem, ...all });
  }

  /** A batch is missing where the cursor stands, or where the chain broke off in an earlier segment. */
  #lost(cursor: Cursor, problem: string): void {
    const where = cursor.suspect ?? { segment: cursor.segment, at: cursor.at };
    const segment = this.#segments[where.segment];
    if (segment === undefined) return;
    this.#damage.push({ segment: basename(segment.path), offset: where.at, problem });
    cursor.suspect = undefined;
  }

  #tornTail(index: number, offset: number): { readonly tornTail?: TornTail } {
    const segment = this.#segments[index];
    if (segment === undefined || this.#read(segment).place(offset, undefined).kind === "nothing") return {};
    return { tornTail: { segment: basename(segment.path), offset } };
  }

  #read(segment: Segment): SegmentContent {
    if (this.#content?.segment === segment) return this.#content.content;
    const bytes = new Uint8Array(segment.bytes);
    segment.file.read(bytes, 0);
    const content = new SegmentContent(bytes, segment.header);
    this.#content = { segment, content };
    return content;
  }
}
