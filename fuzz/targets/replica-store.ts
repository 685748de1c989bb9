import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BitcaskError } from "@titan-kv/bitcask";
import { writeDirectoryStream } from "../../packages/server/src/storage/directory-stream.ts";
import { ReplicaStore } from "../../packages/server/src/storage/replica-store.ts";
import { StoreError } from "../../packages/server/src/storage/store-error.ts";
import { bytesOf, type FuzzInput, type FuzzTarget, single } from "../src/fuzz-target.ts";
import { sealStore } from "../support/bitcask-seals.ts";
import { changeJson } from "../support/json-changes.ts";
import { inPieces } from "../support/pieces.ts";
import { sampleStores } from "../support/sample-store.ts";

let counter = 0;
let root: Promise<string> | undefined;

/** A directory for one input. Where there is one, on a file system in memory: a million directories need no disk. */
async function inputDirectory(): Promise<string> {
  root ??= mkdtemp(join(process.platform === "linux" ? "/dev/shm" : tmpdir(), "titan-fuzz-"));
  counter += 1;
  const name = String(counter);
  const parent = await root;
  return join(parent, name);
}

const isRefusal = (error: unknown): boolean => error instanceof StoreError || error instanceof BitcaskError;

function streamOf(files: FuzzInput): Buffer {
  const manifest = Buffer.from(
    JSON.stringify(files.map(({ name, bytes }) => ({ name, size: bytes.length }))),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(manifest.length);
  return Buffer.concat([length, manifest, ...files.map(({ bytes }) => bytes)]);
}

/** A copy of another replica's store, as it comes over the network. */
export const checkpointStream: FuzzTarget = {
  name: "checkpoint-stream",
  seeds: () => [
    single(
      streamOf([
        { name: "CURRENT", bytes: Buffer.from("MANIFEST-000001\n") },
        { name: "0000000001.data", bytes: Buffer.alloc(90, 1) },
        { name: "empty", bytes: Buffer.alloc(0) },
      ]),
    ),
    single(streamOf([{ name: "a", bytes: Buffer.alloc(2000, 2) }])),
    single(streamOf([])),
  ],
  vary(seed, random) {
    const bytes = bytesOf(seed);
    const end = 4 + bytes.readUInt32LE(0);
    const manifest = Buffer.from(changeJson(bytes.toString("utf8", 4, end), random));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(manifest.length);
    return single(Buffer.concat([length, manifest, bytes.subarray(end)]));
  },
  async run(input, random) {
    const directory = await inputDirectory();
    try {
      await writeDirectoryStream(directory, inPieces(bytesOf(input), random));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
  isRefusal,
};

const currentFile = "CURRENT";

/** The directory of a replica: CURRENT, and the store that it names. */
export const replicaStore: FuzzTarget = {
  name: "replica-store",
  async seeds() {
    const stores = await sampleStores();
    const files = stores.at(-1) ?? [];
    return [
      [
        { name: currentFile, bytes: Buffer.from("store-1\n") },
        ...files.map(({ name, bytes }) => ({ name: `store-1/${name}`, bytes })),
      ],
      [{ name: currentFile, bytes: Buffer.from("store-12\n") }],
    ];
  },
  reseal: sealStore,
  async run(input) {
    const directory = await inputDirectory();
    try {
      for (const { name, bytes } of input) {
        // oxlint-disable-next-line no-await-in-loop -- a handful of small files
        await mkdir(dirname(join(directory, name)), { recursive: true });
        // oxlint-disable-next-line no-await-in-loop -- as above
        await writeFile(join(directory, name), bytes);
      }
      const store = await ReplicaStore.open({ directory, ordered: true });
      try {
        store.meta();
        for (const { entry } of store.entries(new Uint8Array(0))) void entry;
      } finally {
        await store.close();
      }
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
  isRefusal,
  // The keydir, write buffers and read windows of a store, whatever is in it.
  maxAllocatedBytes: (inputBytes) => 64 * 1024 * 1024 + 64 * inputBytes,
};
