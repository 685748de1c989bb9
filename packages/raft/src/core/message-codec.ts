// The bytes of a message between replicas. Compact, because a replicated write crosses the network once per follower;
// deterministic, because the same message must be the same bytes in a replayed simulation; and strict, because whatever
// arrives is decoded: each message has exactly one accepted encoding, and anything else is a typed error.
//
//   message  := version:u8 kind:u8 from:v to:v term:v body
//   entry    := type:u8 termDelta:v length:v data        termDelta is to the entry before it, the first to previousTerm
//
// `v` is an unsigned number of seven bits to a byte, lowest first. DESIGN.md lists the bodies.

import { ByteReader, malformed } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { readSnapshotMetadata, writeSnapshotMetadata } from "./configuration-codec.ts";
import { type Entry, EntryType } from "./entry.ts";
import type { AppendRequest, Message, MessageType } from "./message.ts";
import { RaftError } from "./raft-error.ts";

/** First byte of every message. Changes whenever the rest does. */
const messageVersion = 1;

// The position in this list is on the wire: append, never reorder.
const kinds: readonly MessageType[] = [
  "appendRequest",
  "appendResponse",
  "voteRequest",
  "voteResponse",
  "heartbeat",
  "heartbeatResponse",
  "installSnapshot",
  "timeoutNow",
  "proposal",
  "readRequest",
  "readResponse",
  "transferRequest",
];

/** Appends a message to a buffer. */
export function writeMessage(message: Message, writer: ByteWriter): void {
  writer.writeByte(messageVersion);
  writer.writeByte(kinds.indexOf(message.type));
  writer.writeVarint(message.from);
  writer.writeVarint(message.to);
  writer.writeVarint(message.term);
  writeBody(message, writer);
}

/** A message as bytes that belong to the caller. Hosts that send many use `writeMessage` with one buffer. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter();
  writeMessage(message, writer);
  return writer.copy();
}

/**
 * Reads one message and leaves the reader after it. The data of its entries are views into the bytes that are read, so
 * those must not be reused.
 * @throws RaftError `MALFORMED`
 */
export function readMessage(reader: ByteReader): Message {
  const version = reader.readByte();
  if (version !== messageVersion) throw malformed(`version ${version} of messages is not known`);
  const position = reader.readByte();
  const type = kinds[position];
  if (type === undefined) throw malformed(`kind ${position} of message is not known`);
  const envelope = { from: reader.readId(), to: reader.readId(), term: reader.readVarint() };
  return bodies[type](envelope, reader);
}

/** Reads bytes that are exactly one message; see `readMessage`. @throws RaftError `MALFORMED` */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new ByteReader(bytes);
  const message = readMessage(reader);
  reader.expectEnd();
  return message;
}

function writeBody(message: Message, writer: ByteWriter): void {
  switch (message.type) {
    case "appendRequest":
      writeAppend(message, writer);
      return;
    case "appendResponse":
      writer.writeVarint(message.index);
      writer.writeBoolean(message.reject);
      writer.writeVarint(message.hintIndex);
      writer.writeVarint(message.hintTerm);
      return;
    case "voteRequest":
      writer.writeBoolean(message.preVote);
      writer.writeVarint(message.lastIndex);
      writer.writeVarint(message.lastTerm);
      writer.writeBoolean(message.transfer);
      writer.writeVarint(message.commit);
      writer.writeVarint(message.commitTerm);
      return;
    case "voteResponse":
      writer.writeBoolean(message.preVote);
      writer.writeBoolean(message.reject);
      writer.writeVarint(message.commit);
      writer.writeVarint(message.commitTerm);
      return;
    case "heartbeat":
      writer.writeVarint(message.commit);
      writer.writeVarint(message.round);
      return;
    case "heartbeatResponse":
      writer.writeVarint(message.round);
      return;
    case "installSnapshot":
      writeSnapshotMetadata(message.snapshot, writer);
      return;
    case "timeoutNow":
      return;
    case "proposal":
      writer.writeVarint(message.datas.length);
      for (const data of message.datas) writer.writeBytes(data);
      return;
    case "readRequest":
      writer.writeVarint(message.ticket);
      writer.writeBoolean(message.confirm);
      writer.writeVarint(message.incarnation);
      return;
    case "readResponse":
      writer.writeVarint(message.ticket);
      writer.writeVarint(message.incarnation);
      writer.writeVarint(message.index);
      return;
    case "transferRequest":
      writer.writeVarint(message.target);
  }
}

type Envelope = Pick<Message, "from" | "to" | "term">;

/** Spelt out rather than spread: messages are made by the hundred thousand. */
const bodies: Readonly<Record<MessageType, (envelope: Envelope, reader: ByteReader) => Message>> = {
  appendRequest: readAppend,
  appendResponse: ({ from, to, term }, reader) => {
    const index = reader.readVarint();
    const reject = reader.readBoolean();
    const hintIndex = reader.readVarint();
    return {
      type: "appendResponse",
      from,
      to,
      term,
      index,
      reject,
      hintIndex,
      hintTerm: reader.readVarint(),
    };
  },
  voteRequest: ({ from, to, term }, reader) => {
    const preVote = reader.readBoolean();
    const lastIndex = reader.readVarint();
    const lastTerm = reader.readVarint();
    const transfer = reader.readBoolean();
    const commit = reader.readVarint();
    return {
      type: "voteRequest",
      from,
      to,
      term,
      preVote,
      lastIndex,
      lastTerm,
      transfer,
      commit,
      commitTerm: reader.readVarint(),
    };
  },
  voteResponse: ({ from, to, term }, reader) => {
    const preVote = reader.readBoolean();
    const reject = reader.readBoolean();
    const commit = reader.readVarint();
    return { type: "voteResponse", from, to, term, preVote, reject, commit, commitTerm: reader.readVarint() };
  },
  heartbeat: ({ from, to, term }, reader) => {
    const commit = reader.readVarint();
    return { type: "heartbeat", from, to, term, commit, round: reader.readVarint() };
  },
  heartbeatResponse: ({ from, to, term }, reader) => ({
    type: "heartbeatResponse",
    from,
    to,
    term,
    round: reader.readVarint(),
  }),
  installSnapshot: ({ from, to, term }, reader) => ({
    type: "installSnapshot",
    from,
    to,
    term,
    snapshot: readSnapshotMetadata(reader),
  }),
  timeoutNow: ({ from, to, term }) => ({ type: "timeoutNow", from, to, term }),
  proposal: ({ from, to, term }, reader) => ({ type: "proposal", from, to, term, datas: readDatas(reader) }),
  readRequest: ({ from, to, term }, reader) => {
    const ticket = reader.readVarint();
    const confirm = reader.readBoolean();
    return { type: "readRequest", from, to, term, ticket, confirm, incarnation: reader.readVarint() };
  },
  readResponse: ({ from, to, term }, reader) => {
    const ticket = reader.readVarint();
    const incarnation = reader.readVarint();
    return { type: "readResponse", from, to, term, ticket, incarnation, index: reader.readVarint() };
  },
  transferRequest: ({ from, to, term }, reader) => ({
    type: "transferRequest",
    from,
    to,
    term,
    target: reader.readId(),
  }),
};

function writeAppend(message: AppendRequest, writer: ByteWriter): void {
  writer.writeVarint(message.previousIndex);
  writer.writeVarint(message.previousTerm);
  writer.writeVarint(message.commit);
  writer.writeVarint(message.entries.length);
  let term = message.previousTerm;
  let index = message.previousIndex;
  for (const entry of message.entries) {
    index += 1;
    // The encoding has no room for a gap or a falling term: say so here rather than make the follower find out.
    if (entry.index !== index || entry.term < term) {
      throw new RaftError(
        "INVARIANT",
        `Entry ${entry.index} of term ${entry.term} cannot follow ${index - 1}.`,
      );
    }
    writer.writeByte(entry.type);
    writer.writeVarint(entry.term - term);
    writer.writeBytes(entry.data);
    term = entry.term;
  }
}

function readAppend({ from, to, term }: Envelope, reader: ByteReader): AppendRequest {
  const previousIndex = reader.readVarint();
  const previousTerm = reader.readVarint();
  const commit = reader.readVarint();
  const count = reader.readCount();
  if (!Number.isSafeInteger(previousIndex + count)) throw malformed("an index is too large");
  const entries: Entry[] = [];
  let entryTerm = previousTerm;
  for (let offset = 1; offset <= count; offset += 1) {
    const type = reader.readByte();
    if (type !== EntryType.Normal && type !== EntryType.ConfChange)
      throw malformed(`entry type ${type} is not known`);
    entryTerm += reader.readVarint();
    if (entryTerm > term) throw malformed("an entry is of a later term than its leader");
    entries.push({ type, term: entryTerm, index: previousIndex + offset, data: reader.readBytes() });
  }
  return { type: "appendRequest", from, to, term, previousIndex, previousTerm, entries, commit };
}

function readDatas(reader: ByteReader): Uint8Array[] {
  const count = reader.readCount();
  const datas: Uint8Array[] = [];
  for (let position = 0; position < count; position += 1) datas.push(reader.readBytes());
  return datas;
}
