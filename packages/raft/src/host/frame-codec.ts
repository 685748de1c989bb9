/**
 * The bytes between two nodes.
 *
 *   frame           := checksum:u32 version:u8 cluster:v sender:v receiver:v section*
 *   section         := 0 group:v incarnation:v message
 *                    | kind:u8 group:v incarnation:v from:v to:v body
 *   quiet (1)       := term:v commit:v
 *   stateRequest (2):= nothing
 *   offer (3)       := transfer:v purpose:u8 term:v metadata
 *   chunk (4)       := transfer:v offset:v last:u8 checksum:v length:v data
 *   ackn. (5)       := transfer:v state:u8 offset:v
 *
 * `v` is an unsigned number of seven bits to a byte, lowest first; `checksum` is a little-endian CRC-32 of everything
 * behind it. `message` and `metadata` are the core's encodings. A frame without sections says only that its sender lives.
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { ByteReader, malformed } from "../core/byte-reader.ts";
import { ByteWriter } from "../core/byte-writer.ts";
import { readSnapshotMetadata, writeSnapshotMetadata } from "../core/configuration-codec.ts";
import type { Message } from "../core/message.ts";
import { readMessage, writeMessage } from "../core/message-codec.ts";
import type { FrameHeader, GroupAddress, Section, TransferPurpose, TransferState } from "./frame.ts";

/** Changes whenever the encoding does. */
const frameVersion = 1;

const checksumBytes = 4;

// Positions in these lists are on the wire: append, never reorder.
const kinds = ["message", "quiet", "stateRequest", "offer", "chunk", "acknowledgement"] as const;
const purposes: readonly TransferPurpose[] = ["install", "state"];
const states: readonly TransferState[] = ["receiving", "complete", "refused", "busy", "unknown"];

/** The number that stands for a cluster's name: 48 bits of its SHA-256. */
export function clusterNumber(name: string): number {
  return createHash("sha256").update(name).digest().readUIntBE(0, 6);
}

/** Collects sections and makes a frame of them. Used again for the next one. */
export class FrameWriter {
  readonly #writer = new ByteWriter();
  #begun = false;

  /** Bytes collected. */
  get length(): number {
    return this.#writer.length;
  }

  /** Whether a frame was begun and not taken. */
  get begun(): boolean {
    return this.#begun;
  }

  begin(header: FrameHeader): void {
    const writer = this.#writer;
    writer.reset();
    this.#begun = true;
    for (let count = 0; count < checksumBytes; count++) writer.writeByte(0);
    writer.writeByte(frameVersion);
    writer.writeVarint(header.cluster);
    writer.writeVarint(header.sender);
    writer.writeVarint(header.receiver);
  }

  addMessage(group: number, incarnation: number, message: Message): void {
    const writer = this.#writer;
    writer.writeByte(0);
    writer.writeVarint(group);
    writer.writeVarint(incarnation);
    writeMessage(message, writer);
  }

  add(section: Exclude<Section, { readonly kind: "message" }>): void {
    const writer = this.#writer;
    writer.writeByte(kinds.indexOf(section.kind));
    writer.writeVarint(section.group);
    writer.writeVarint(section.incarnation);
    writer.writeVarint(section.from);
    writer.writeVarint(section.to);
    switch (section.kind) {
      case "quiet":
        writer.writeVarint(section.term);
        writer.writeVarint(section.commit);
        return;
      case "stateRequest":
        return;
      case "offer":
        writer.writeVarint(section.transfer);
        writer.writeByte(purposes.indexOf(section.purpose));
        writer.writeVarint(section.term);
        writeSnapshotMetadata(section.metadata, writer);
        return;
      case "chunk":
        writer.writeVarint(section.transfer);
        writer.writeVarint(section.offset);
        writer.writeBoolean(section.last);
        writer.writeVarint(section.checksum);
        writer.writeBytes(section.data);
        return;
      case "acknowledgement":
        writer.writeVarint(section.transfer);
        writer.writeByte(states.indexOf(section.state));
        writer.writeVarint(section.offset);
    }
  }

  /** The frame; it belongs to the caller. */
  take(): Uint8Array {
    this.#begun = false;
    const frame = this.#writer.copy();
    const sum = crc32(frame.subarray(checksumBytes));
    new DataView(frame.buffer).setUint32(0, sum, true);
    return frame;
  }
}

/** Reads a frame: the header at once, the sections one by one. */
export class FrameReader {
  readonly header: FrameHeader;
  readonly #reader: ByteReader;

  /** @throws RaftError `MALFORMED` when this is not an undamaged frame of this version. */
  constructor(frame: Uint8Array) {
    if (frame.length < checksumBytes) throw malformed("the frame is too short");
    const sum = new DataView(frame.buffer, frame.byteOffset, checksumBytes).getUint32(0, true);
    if (crc32(frame.subarray(checksumBytes)) !== sum)
      throw malformed("the frame does not match its checksum");
    this.#reader = new ByteReader(frame.subarray(checksumBytes));
    const version = this.#reader.readByte();
    if (version !== frameVersion) throw malformed(`version ${version} of frames is not known`);
    this.header = {
      cluster: this.#reader.readVarint(),
      sender: this.#reader.readVarint(),
      receiver: this.#reader.readVarint(),
    };
  }

  /**
   * The next section, or undefined at the end. Data in it are views of the frame.
   * @throws RaftError `MALFORMED`
   */
  next(): Section | undefined {
    const reader = this.#reader;
    if (reader.remaining === 0) return undefined;
    const kind = kinds[reader.readByte()];
    if (kind === undefined) throw malformed("a section is of an unknown kind");
    const group = reader.readVarint();
    const incarnation = reader.readVarint();
    if (kind === "message") return { kind, group, incarnation, message: readMessage(reader) };
    const address = { group, incarnation, from: reader.readId(), to: reader.readId() };
    return readBody(kind, address, reader);
  }
}

function readBody(
  kind: Exclude<(typeof kinds)[number], "message">,
  address: GroupAddress,
  reader: ByteReader,
): Section {
  switch (kind) {
    case "quiet":
      return { kind, ...address, term: reader.readVarint(), commit: reader.readVarint() };
    case "stateRequest":
      return { kind, ...address };
    case "offer": {
      const transfer = reader.readId();
      const purpose = oneOf(purposes, reader);
      const term = reader.readVarint();
      return { kind, ...address, transfer, purpose, term, metadata: readSnapshotMetadata(reader) };
    }
    case "chunk": {
      const transfer = reader.readId();
      const offset = reader.readVarint();
      const last = reader.readBoolean();
      const checksum = reader.readVarint();
      return { kind, ...address, transfer, offset, last, checksum, data: reader.readBytes() };
    }
    case "acknowledgement": {
      const transfer = reader.readId();
      const state = oneOf(states, reader);
      return { kind, ...address, transfer, state, offset: reader.readVarint() };
    }
    default:
      throw malformed("a section is of an unknown kind");
  }
}

function oneOf<Value>(values: readonly Value[], reader: ByteReader): Value {
  const value = values[reader.readByte()];
  if (value === undefined) throw malformed("a value is not one of those that are known");
  return value;
}
