/**
 * The commands of a shard: what its Raft log holds.
 *
 *     command    := version:u8 kind:u8 timeMs:u48le body
 *     Operations := section*                 section := length:u32le PipelineRequest
 *     Expire     := (empty)
 *     OwnSlots   := epoch:u48le count:u16le (first:u16le last:u16le)*
 *     VerifyPoint:= id:u48le withDigests:u8
 *     Restore    := see restore-command.ts
 *
 * A section is the client's own encoding of its operations, copied as it came: nothing is encoded twice between the
 * socket and the disk, and the rules of Protocol Buffers for old and new readers hold for the log too.
 */
import { type StreamIdentity, WireWriter, writeIdentity } from "@titan-kv/proto/pipeline";

/** The format that this release writes. A reader refuses a newer one instead of guessing. */
export const commandVersion = 1;
/** Bytes before the body. */
export const commandHeaderBytes = 8;

export const CommandKind = {
  /** Writes of clients. */
  Operations: 1,
  /** Removes keys whose time is over. */
  Expire: 2,
  /** Sets the slots that the shard owns. */
  OwnSlots: 3,
  /** A point of the log at which replicas compare what they hold. */
  VerifyPoint: 4,
  /** A step of a restore from a snapshot. */
  Restore: 5,
} as const;
export type CommandKind = (typeof CommandKind)[keyof typeof CommandKind];

/** A run of slots, both ends included. */
export interface SlotRun {
  readonly first: number;
  readonly last: number;
}

/** The fixed part of a command. */
export interface CommandHeader {
  readonly kind: CommandKind;
  /** The leader's clock when it proposed, milliseconds since 1970. */
  readonly timeMs: number;
}

/** An entry of the log is not a command that this release can read. The replica must stop, or it would diverge. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

const twoTo32 = 2 ** 32;

/** Six bytes, the least significant first. */
export function writeU48(target: Uint8Array, position: number, value: number): void {
  const view = new DataView(target.buffer, target.byteOffset + position, 6);
  view.setUint32(0, value % twoTo32, true);
  view.setUint16(4, Math.floor(value / twoTo32), true);
}

/** The counterpart of `writeU48`. @throws CommandError */
export function readU48(source: Uint8Array, position: number): number {
  if (position + 6 > source.length) throw new CommandError("the command ends inside a number");
  const view = new DataView(source.buffer, source.byteOffset + position, 6);
  return view.getUint32(0, true) + view.getUint16(4, true) * twoTo32;
}

/** Writes the fixed part. */
export function writeHeader(target: Uint8Array, kind: CommandKind, timeMs: number): void {
  target[0] = commandVersion;
  target[1] = kind;
  writeU48(target, 2, timeMs);
}

/** Reads the fixed part. @throws CommandError */
export function readHeader(data: Uint8Array): CommandHeader {
  if (data.length < commandHeaderBytes)
    throw new CommandError(`a command of ${data.length} bytes has no header`);
  const version = data[0];
  if (version !== commandVersion) {
    throw new CommandError(`the command has format ${version}, this release reads format ${commandVersion}`);
  }
  const kind = data[1]!;
  if (kind < CommandKind.Operations || kind > CommandKind.Restore) {
    throw new CommandError(`the command has kind ${kind}, which this release does not know`);
  }
  return { kind: kind as CommandKind, timeMs: readU48(data, 2) };
}

/** Removes keys whose time is over by `timeMs`. */
export function encodeExpire(timeMs: number): Uint8Array {
  const data = new Uint8Array(commandHeaderBytes);
  writeHeader(data, CommandKind.Expire, timeMs);
  return data;
}

/** Makes the shard own exactly these slots from epoch `epoch` on. */
export function encodeOwnSlots(timeMs: number, epoch: number, runs: readonly SlotRun[]): Uint8Array {
  const data = new Uint8Array(commandHeaderBytes + 8 + runs.length * 4);
  writeHeader(data, CommandKind.OwnSlots, timeMs);
  writeU48(data, commandHeaderBytes, epoch);
  const view = new DataView(data.buffer);
  view.setUint16(commandHeaderBytes + 6, runs.length, true);
  runs.forEach(({ first, last }, index) => {
    view.setUint16(commandHeaderBytes + 8 + index * 4, first, true);
    view.setUint16(commandHeaderBytes + 10 + index * 4, last, true);
  });
  return data;
}

/** Reads the body of OwnSlots. @throws CommandError */
export function readOwnSlots(data: Uint8Array): { epoch: number; runs: SlotRun[] } {
  const epoch = readU48(data, commandHeaderBytes);
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const start = commandHeaderBytes + 8;
  if (data.length < start) throw new CommandError("the command ends before its slots");
  const count = view.getUint16(commandHeaderBytes + 6, true);
  if (data.length !== start + count * 4)
    throw new CommandError("the command's length does not fit its slots");
  const runs = Array.from({ length: count }, (_, index) => ({
    first: view.getUint16(start + index * 4, true),
    last: view.getUint16(start + index * 4 + 2, true),
  }));
  return { epoch, runs };
}

/** Marks a point of comparison; with digests each replica also works out what it holds, slot by slot. */
export function encodeVerifyPoint(timeMs: number, id: number, withDigests: boolean): Uint8Array {
  const data = new Uint8Array(commandHeaderBytes + 7);
  data[commandHeaderBytes + 6] = withDigests ? 1 : 0;
  writeHeader(data, CommandKind.VerifyPoint, timeMs);
  writeU48(data, commandHeaderBytes, id);
  return data;
}

/** Reads the body of VerifyPoint. @throws CommandError */
export function readVerifyPoint(data: Uint8Array): { id: number; withDigests: boolean } {
  return { id: readU48(data, commandHeaderBytes), withDigests: data[commandHeaderBytes + 6] === 1 };
}

/** Calls `visit` with the bounds of each section of an Operations command. @throws CommandError */
export function visitSections(data: Uint8Array, visit: (start: number, end: number) => void): void {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  let position = commandHeaderBytes;
  while (position < data.length) {
    if (position + 4 > data.length) throw new CommandError("the command ends inside a section's length");
    const start = position + 4;
    const end = start + view.getUint32(position, true);
    if (end > data.length) throw new CommandError("a section points past the end of its command");
    visit(start, end);
    position = end;
  }
}

/** Collects the operations that go into one entry of the log. */
export class OperationsBuilder {
  readonly #writer = new WireWriter();
  /** Where the length of the open section stands; -1 when none is open. */
  #sectionStart = -1;
  #operations = 0;

  constructor() {
    this.#writer.position = commandHeaderBytes;
  }

  /** Operations collected so far. */
  get operations(): number {
    return this.#operations;
  }

  /** Bytes collected so far. */
  get bytes(): number {
    return this.#writer.position;
  }

  /** The operations that follow belong to this session, or to none. */
  beginSection(identity: StreamIdentity | undefined): void {
    this.#endSection();
    this.#sectionStart = this.#writer.position;
    this.#writer.reserve(4);
    this.#writer.position += 4;
    if (identity !== undefined) writeIdentity(this.#writer, identity);
  }

  /** Adds an encoded `PipelineOperation`. */
  add(buffer: Uint8Array, start: number, end: number): void {
    const writer = this.#writer;
    writer.reserve(end - start + 9);
    writer.byte(0x0a);
    writer.varint(end - start);
    writer.buffer.set(buffer.subarray(start, end), writer.position);
    writer.position += end - start;
    this.#operations += 1;
  }

  /** The finished command; the builder is empty again. */
  take(timeMs: number): Uint8Array {
    this.#endSection();
    writeHeader(this.#writer.buffer, CommandKind.Operations, timeMs);
    const data = this.#writer.take();
    this.#writer.position = commandHeaderBytes;
    this.#operations = 0;
    return data;
  }

  #endSection(): void {
    if (this.#sectionStart < 0) return;
    const { buffer, position } = this.#writer;
    buffer.writeUInt32LE(position - this.#sectionStart - 4, this.#sectionStart);
    this.#sectionStart = -1;
  }
}
