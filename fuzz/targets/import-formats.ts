import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DocumentError, parseBatch, parseJson } from "../../packages/cli/src/data/operation-document.ts";
import { CliError } from "../../packages/cli/src/program/cli-error.ts";
import { csvReader } from "../../packages/cli/src/transfer/csv-reader.ts";
import { directoryReader } from "../../packages/cli/src/transfer/directory-reader.ts";
import { ndjsonReader } from "../../packages/cli/src/transfer/ndjson-reader.ts";
import { problemWith, type SourceItem, type SourceReader } from "../../packages/cli/src/transfer/record.ts";
import { bytesOf, Finding, type FuzzInput, type FuzzTarget, single } from "../src/fuzz-target.ts";
import type { Random } from "../src/random.ts";
import { changeJson } from "../support/json-changes.ts";
import { cutIntoPieces } from "../support/pieces.ts";

/** Each line of JSON changed by itself. */
function varyLines(seed: FuzzInput, random: Random): FuzzInput {
  const lines = bytesOf(seed).toString("utf8").split("\n");
  const varied = lines.map((line) => (line.trim() === "" ? line : changeJson(line, random)));
  return single(Buffer.from(varied.join("\n")));
}

/** Reads a source to its end: whatever is in it is a record that a cluster takes, a reject with a reason, or nothing. */
async function readSource(read: SourceReader): Promise<SourceItem[]> {
  const items: SourceItem[] = [];
  for await (const item of read(undefined)) {
    items.push(item);
    if (item.found.type === "record" && problemWith(item.found.record) !== undefined) {
      throw new Finding(`a record that a cluster does not take: ${problemWith(item.found.record)}`);
    }
    if (item.found.type === "reject" && item.found.reject.reason === "")
      throw new Finding("a reject without a reason");
  }
  return items;
}

function source(pieces: readonly Buffer[]): () => AsyncIterable<Uint8Array> {
  return async function* chunks() {
    yield* pieces;
  };
}

/** How the bytes arrive must make no difference. */
async function readBothWays(
  reader: (open: () => AsyncIterable<Uint8Array>) => SourceReader,
  bytes: Buffer,
  pieces: readonly Buffer[],
): Promise<void> {
  const whole = await readSource(reader(source([bytes])));
  const cut = await readSource(reader(source(pieces)));
  const [one, other] = [
    JSON.stringify(whole.map(({ found }) => found)),
    JSON.stringify(cut.map(({ found }) => found)),
  ];
  if (one !== other) throw new Finding(`whole: ${one.slice(0, 500)}, in pieces: ${other.slice(0, 500)}`);
}

const isRefusal = (error: unknown): boolean => error instanceof CliError;

export const importNdjson: FuzzTarget = {
  name: "import-ndjson",
  seeds: () =>
    [
      '{"key":"user:1","value":"text"}\n{"key":"user:2","base64":"AAE=","expiresAtMs":1790000000000}\n\n{"key":"é","value":"\\u0000\\ud83d\\ude00"}\n',
      '{"id":"a","n":[1,2.5e3,null,true,{"x":"y"}]}\r\n{"id":"b"}',
      "",
    ].map((text) => single(Buffer.from(text))),
  vary: varyLines,
  async run(input, random) {
    const bytes = bytesOf(input);
    const options = random() < 0.3 ? { keyField: "id" } : {};
    await readBothWays((open) => ndjsonReader(open, options), bytes, cutIntoPieces(bytes, random));
  },
  isRefusal,
};

export const importCsv: FuzzTarget = {
  name: "import-csv",
  seeds: () =>
    [
      'key,value\na,1\n"b","two ""quoted"" words\nover lines"\r\nc,\n',
      "\uFEFFkey;name;city\nu1;Ann;Ulm\nu2;;\n",
      "key,value",
    ].map((text) => single(Buffer.from(text))),
  async run(input, random) {
    const bytes = bytesOf(input);
    const options = random() < 0.3 ? { delimiter: ";" } : {};
    await readBothWays((open) => csvReader(open, options), bytes, cutIntoPieces(bytes, random));
  },
  isRefusal,
};

let counter = 0;
let root: Promise<string> | undefined;

/** Names that a file system takes; what a path may be beyond that is for it to say. */
function fileName(bytes: Buffer): Buffer {
  const name = Buffer.from(bytes.subarray(0, 60).map((byte) => (byte === 0 ? 1 : byte)));
  const text = name
    .toString("latin1")
    .replaceAll(/\/+/g, "/")
    .replaceAll(/(^|\/)\.{1,2}(?=\/|$)/g, "$1x")
    .replaceAll(/^\/|\/$/g, "");
  return Buffer.from(text === "" ? "x" : text, "latin1");
}

/** A directory whose files' names and contents are the input. */
export const importDirectory: FuzzTarget = {
  name: "import-directory",
  seeds: () => [
    [
      { name: "0", bytes: Buffer.from("a.txt") },
      { name: "1", bytes: Buffer.from("dir/b.txt") },
      { name: "2", bytes: Buffer.from([0x64, 0xff, 0xfe]) },
    ],
    [
      { name: "0", bytes: Buffer.from("dir/deep/er/c") },
      { name: "1", bytes: Buffer.from("dir é/d") },
    ],
  ],
  async run(input) {
    root ??= mkdtemp(join(process.platform === "linux" ? "/dev/shm" : tmpdir(), "titan-fuzz-import-"));
    counter += 1;
    const directory = join(await root, String(counter));
    await mkdir(directory);
    let files = 0;
    try {
      for (const { bytes } of input) {
        const path = Buffer.concat([Buffer.from(`${directory}/`), fileName(bytes)]);
        try {
          // oxlint-disable-next-line no-await-in-loop -- a handful of small files
          await mkdir(Buffer.from(dirname(path.toString("latin1")), "latin1"), { recursive: true });
          // oxlint-disable-next-line no-await-in-loop -- as above
          await writeFile(path, bytes, { flag: "wx" });
          files += 1;
        } catch {
          // Two names that exclude each other, such as a file and a directory: the input is smaller by one.
        }
      }
      const items = await readSource(directoryReader(directory));
      if (items.length !== files) throw new Finding(`${files} files gave ${items.length} items`);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
  isRefusal,
};

/** The documents of `titan batch`. */
export const batchDocument: FuzzTarget = {
  name: "batch-document",
  seeds: () =>
    [
      '{"put":"a","value":"b","ttl":"5m","ifAbsent":true}\n{"delete":"a","ifRevision":7}\n{"get":"c"}\n',
      '{"put":"a","base64":"AAE=","returnPrevious":true}',
    ].map((text) => single(Buffer.from(text))),
  vary: varyLines,
  run(input) {
    const text = bytesOf(input).toString("utf8");
    parseBatch(text);
    parseJson(text, "the document");
  },
  isRefusal: (error) => error instanceof DocumentError || error instanceof CliError,
};
