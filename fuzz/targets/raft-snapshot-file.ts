import { crc32 } from "node:zlib";
import { RaftError } from "@titan-kv/raft";
import { FileSnapshotStore } from "@titan-kv/raft/host";
import type { FuzzInput, FuzzTarget } from "../src/fuzz-target.ts";
import { below } from "../src/random.ts";
import { logFileSystem } from "../support/log-files.ts";
import { MemoryFiles } from "../support/memory-files.ts";

const directory = "/snapshots";
const group = 3;
const headerBytes = 20;

async function* chunks(count: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at += 1) yield Buffer.from(`chunk ${at} `.repeat(at + 1));
}

async function sample(count: number): Promise<FuzzInput> {
  const memory = new MemoryFiles();
  const store = await FileSnapshotStore.open(directory, logFileSystem(memory));
  const configuration = {
    index: 4,
    voters: [1, 3],
    votersOutgoing: [1, 2],
    learners: [],
    learnersNext: [2],
    autoLeave: true,
  };
  await store.write(group, { index: 20 + count, term: 3, configuration }, chunks(count));
  return memory.toInput(directory);
}

function seal(original: Buffer): Buffer {
  const bytes = Buffer.from(original);
  if (bytes.length < headerBytes) return bytes;
  let at = headerBytes + bytes.readUInt32LE(12);
  if (at > bytes.length) return bytes;
  bytes.writeUInt32LE(crc32(bytes.subarray(headerBytes, at)), 16);
  let sum = 0;
  while (at + 8 <= bytes.length) {
    const end = at + 8 + bytes.readUInt32LE(at);
    if (end > bytes.length) return bytes;
    sum = crc32(bytes.subarray(at + 8, end), sum);
    bytes.writeUInt32LE(sum, at + 4);
    if (end === at + 8) return bytes;
    at = end;
  }
  return bytes;
}

/** Snapshots that the host keeps for state machines in memory. */
export const raftSnapshotFile: FuzzTarget = {
  name: "raft-snapshot-file",
  seeds: async () => [await sample(0), await sample(1), await sample(9)],
  reseal: (input) => input.map(({ name, bytes }) => ({ name, bytes: seal(bytes) })),
  async run(input, random) {
    const memory = MemoryFiles.of(input, directory);
    try {
      const store = await FileSnapshotStore.open(directory, logFileSystem(memory));
      for (const { index } of await store.list(group)) {
        for await (const piece of store.read(group, index, below(random, 100))) void piece;
      }
    } finally {
      memory.checkWork();
    }
  },
  isRefusal: (error) => error instanceof RaftError,
  // A piece is read into a buffer of its size, at most 1 MiB, before its bytes are there.
  maxAllocatedBytes: (inputBytes) => 8 * 1024 * 1024 + 64 * inputBytes,
};
