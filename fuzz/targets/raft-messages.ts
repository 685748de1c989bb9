import { crc32 } from "node:zlib";
import {
  type ConfChange,
  decodeConfChange,
  decodeMessage,
  encodeConfChange,
  encodeMessage,
  EntryType,
  type Message,
  RaftError,
} from "@titan-kv/raft";
import { FrameReader, FrameWriter } from "../../packages/raft/src/host/frame-codec.ts";
import { bytesOf, Finding, type FuzzTarget, single } from "../src/fuzz-target.ts";

const large = Number.MAX_SAFE_INTEGER;
const configuration = {
  index: 5,
  voters: [1, 2, 3],
  votersOutgoing: [1, 2, 4],
  learners: [5],
  learnersNext: [4],
  autoLeave: true,
};
const snapshot = { index: 300, term: 4, configuration };

const messages: readonly Message[] = [
  {
    type: "appendRequest",
    from: 1,
    to: 2,
    term: 3,
    previousIndex: 7,
    previousTerm: 2,
    commit: 6,
    entries: [
      { type: EntryType.Normal, term: 2, index: 8, data: Buffer.from("first") },
      { type: EntryType.ConfChange, term: 3, index: 9, data: new Uint8Array(0) },
      { type: EntryType.Normal, term: 3, index: 10, data: Buffer.alloc(200, 7) },
    ],
  },
  { type: "appendResponse", from: 2, to: 1, term: 3, index: 7, reject: true, hintIndex: 5, hintTerm: 2 },
  {
    type: "voteRequest",
    from: 1,
    to: 2,
    term: large,
    preVote: true,
    lastIndex: large,
    lastTerm: 1,
    transfer: false,
    commit: 3,
    commitTerm: 1,
  },
  { type: "voteResponse", from: 1, to: 2, term: 3, preVote: false, reject: true, commit: 0, commitTerm: 0 },
  { type: "heartbeat", from: 1, to: 2, term: 3, commit: 128, round: 16_384 },
  { type: "heartbeatResponse", from: 1, to: 2, term: 3, round: 0 },
  { type: "installSnapshot", from: 1, to: 2, term: 9, snapshot },
  { type: "timeoutNow", from: 1, to: 2, term: 3 },
  {
    type: "proposal",
    from: 1,
    to: 2,
    term: 0,
    datas: [Buffer.from("a"), new Uint8Array(0), Buffer.from("bcd")],
  },
  { type: "readRequest", from: 1, to: 2, term: 0, ticket: 99, confirm: true, incarnation: 2 },
  { type: "readResponse", from: 1, to: 2, term: 3, ticket: 99, incarnation: 2, index: 70 },
  { type: "transferRequest", from: 1, to: 2, term: 0, target: 3 },
];

const isRefusal = (error: unknown): boolean => error instanceof RaftError && error.code === "MALFORMED";

/** Each message has one encoding: what is accepted must come out again as it went in. */
function mustBeSame(kind: string, input: Uint8Array, again: Uint8Array): void {
  if (Buffer.compare(input, again) !== 0) {
    throw new Finding(
      `${kind} ${Buffer.from(input).toString("hex")} is encoded as ${Buffer.from(again).toString("hex")}`,
    );
  }
}

/** One message between replicas. */
export const raftMessage: FuzzTarget = {
  name: "raft-message",
  seeds: () => messages.map((message) => single(encodeMessage(message))),
  run(input) {
    const bytes = bytesOf(input);
    mustBeSame("a message", bytes, encodeMessage(decodeMessage(bytes)));
  },
  isRefusal,
};

const confChanges: readonly ConfChange[] = [
  { changes: [{ type: "addVoter", replica: 3 }] },
  {
    changes: [
      { type: "addLearner", replica: 300 },
      { type: "remove", replica: 2 },
    ],
    transition: "explicit",
  },
  { changes: [] },
] as readonly ConfChange[];

/** A change of membership in an entry. */
export const raftConfChange: FuzzTarget = {
  name: "raft-conf-change",
  seeds: () => confChanges.map((change) => single(encodeConfChange(change))),
  run(input) {
    const bytes = bytesOf(input);
    mustBeSame("a change", bytes, encodeConfChange(decodeConfChange(bytes)));
  },
  isRefusal,
};

function sampleFrames(): Uint8Array[] {
  const writer = new FrameWriter();
  const header = { cluster: 123_456_789, sender: 7, receiver: 0 };
  const address = { group: 4, incarnation: 1, from: 1, to: 2 };
  writer.begin(header);
  for (const message of messages) writer.addMessage(4, 1, message);
  const all = writer.take();
  writer.begin(header);
  writer.add({ kind: "quiet", ...address, term: 3, commit: 9 });
  writer.add({ kind: "stateRequest", ...address });
  writer.add({ kind: "offer", ...address, transfer: 5, purpose: "install", term: 3, metadata: snapshot });
  writer.add({
    kind: "chunk",
    ...address,
    transfer: 5,
    offset: 0,
    last: true,
    checksum: 77,
    data: Buffer.from("state"),
  });
  writer.add({ kind: "acknowledgement", ...address, transfer: 5, state: "complete", offset: 5 });
  const others = writer.take();
  writer.begin(header);
  return [all, others, writer.take()];
}

/** Everything that one node sends to another at a time. */
export const raftFrame: FuzzTarget = {
  name: "raft-frame",
  seeds: () => sampleFrames().map(single),
  reseal(input) {
    const bytes = Buffer.from(bytesOf(input));
    if (bytes.length >= 4) bytes.writeUInt32LE(crc32(bytes.subarray(4)), 0);
    return single(bytes);
  },
  run(input) {
    const reader = new FrameReader(bytesOf(input));
    const writer = new FrameWriter();
    writer.begin(reader.header);
    for (let section = reader.next(); section !== undefined; section = reader.next()) {
      if (section.kind === "message") writer.addMessage(section.group, section.incarnation, section.message);
      else writer.add(section);
    }
    mustBeSame("a frame", bytesOf(input), writer.take());
  },
  isRefusal,
};
