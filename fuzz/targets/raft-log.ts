import { EntryType, RaftError, type SnapshotMetadata } from "@titan-kv/raft";
import type { LogWrite } from "@titan-kv/raft/host";
import { dumpLog, FileLog, type FileLogOptions, verifyLog } from "@titan-kv/raft/wal";
import { checksum } from "../../packages/raft/src/wal/checksum.ts";
import {
  batchAlignment,
  batchHeaderBytes,
  batchMagic,
  segmentHeaderBytes,
} from "../../packages/raft/src/wal/format.ts";
import type { FuzzInput, FuzzTarget } from "../src/fuzz-target.ts";
import { randomFor, below } from "../src/random.ts";
import { logFileSystem } from "../support/log-files.ts";
import { MemoryFiles } from "../support/memory-files.ts";

const directory = "/wal";
const segmentBytes = 16 * 1024;

function optionsFor(memory: MemoryFiles): FileLogOptions & { directory: string } {
  const random = randomFor("log", 0, 0);
  return {
    directory,
    segmentBytes,
    cacheBytes: 64 * 1024,
    fileSystem: logFileSystem(memory),
    now: () => 0,
    random: (count) => Uint8Array.from({ length: count }, () => below(random, 256)),
    retryDelay: () => Promise.reject(new RaftError("POISONED", "the disk in memory stays full")),
  };
}

function metadata(index: number, term: number): SnapshotMetadata {
  const configuration = {
    index: 1,
    voters: [1, 2, 3],
    votersOutgoing: [],
    learners: [4],
    learnersNext: [],
    autoLeave: false,
  };
  return { index, term, configuration };
}

function entries(first: number, count: number, term: number): LogWrite["entries"] {
  return Array.from({ length: count }, (_, at) => ({
    type: at % 5 === 4 ? EntryType.ConfChange : EntryType.Normal,
    term,
    index: first + at,
    data: Buffer.from(`entry ${first + at} of term ${term}`),
  }));
}

/** A log with all kinds of records in it, over several segments. */
async function sampleLog(rounds: number): Promise<FuzzInput> {
  const memory = new MemoryFiles();
  const log = await FileLog.open(optionsFor(memory));
  await log.append([
    { group: 1, snapshot: metadata(10, 1) },
    { group: 2, hardState: { term: 1, vote: 2, commit: 0 } },
    { group: 3, hardState: { term: 1, vote: 1, commit: 0 } },
  ]);
  for (let round = 0; round < rounds; round += 1) {
    const term = 1 + round;
    const first = 1 + round * 8;
    // oxlint-disable-next-line no-await-in-loop -- batches follow each other
    await log.append([
      { group: 1, entries: entries(10 + first, 8, term)! },
      { group: 2, entries: entries(first, 8, term)!, hardState: { term, vote: 1, commit: first } },
    ]);
    // Overwrites what a former leader wrote.
    // oxlint-disable-next-line no-await-in-loop -- as above
    if (round % 3 === 1) await log.append([{ group: 2, entries: entries(first + 6, 2, term)! }]);
    // oxlint-disable-next-line no-await-in-loop -- as above
    if (round % 4 === 3)
      await log.append([{ group: 2, compact: { through: first, metadata: metadata(first, term) } }]);
  }
  await log.append([{ group: 3, remove: true }]);
  await log.close();
  return memory.toInput(directory);
}

/** Puts the checksums of a segment's header and batches right, each with that of the batch before it. */
function sealSegment(original: Buffer): Buffer {
  const bytes = Buffer.from(original);
  if (bytes.length < segmentHeaderBytes) return bytes;
  bytes.writeUInt32LE(checksum(bytes.subarray(0, 60)), 60);
  let previous: number | undefined;
  for (let at = segmentHeaderBytes; at + batchHeaderBytes <= bytes.length;) {
    if (bytes.readUInt32LE(at) !== batchMagic) break;
    const end = at + batchHeaderBytes + bytes.readUInt32LE(at + 40);
    if (end > bytes.length) break;
    if (previous !== undefined) bytes.writeUInt32LE(previous, at + 12);
    bytes.writeUInt32LE(checksum(bytes.subarray(at + 12, at + batchHeaderBytes)), at + 8);
    previous = checksum(bytes.subarray(at + 8, end), bytes.readUInt32LE(at + 12));
    bytes.writeUInt32LE(previous, at + 4);
    at = end + ((batchAlignment - (end % batchAlignment)) % batchAlignment);
  }
  return bytes;
}

/** Reads everything that a log has. */
function readLog(log: FileLog): void {
  for (const group of log.groups()) {
    const reader = log.reader(group);
    reader.initialState();
    reader.snapshot();
    const [first, last] = [reader.firstIndex(), reader.lastIndex()];
    for (let low = first; low <= last;) {
      const read = reader.entries(low, last + 1, 4096);
      low += Math.max(1, read.length);
    }
  }
}

/** The segments of a node's Raft log. */
export const raftLog: FuzzTarget = {
  name: "raft-log",
  seeds: async () => [await sampleLog(1), await sampleLog(6), await sampleLog(40)],
  reseal: (input) => input.map(({ name, bytes }) => ({ name, bytes: sealSegment(bytes) })),
  async run(input, random) {
    const memory = MemoryFiles.of(input, directory);
    const options = optionsFor(memory);
    const { fileSystem } = options;
    if (fileSystem === undefined) return;
    try {
      if (random() < 0.1) {
        dumpLog(directory, { fileSystem });
        verifyLog(directory, fileSystem);
      }
      const log = await FileLog.open({ ...options, onDamage: random() < 0.5 ? "refuse" : "quarantine" });
      try {
        readLog(log);
        await log.append([{ group: 9, hardState: { term: 1, vote: 1, commit: 0 } }]);
      } finally {
        await log.close();
      }
      await (await FileLog.open({ ...options, onDamage: "quarantine" })).close();
    } finally {
      memory.checkWork();
    }
  },
  isRefusal: (error) => error instanceof RaftError,
  // Segments are read whole, and written anew.
  maxAllocatedBytes: (inputBytes) => 4 * 1024 * 1024 + 64 * inputBytes,
};
