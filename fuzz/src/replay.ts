/** Single inputs: made again from their number, saved, fed again. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { Worker } from "node:worker_threads";
import type { FuzzInput } from "./fuzz-target.ts";
import type { Verdict } from "./judge.ts";

/** Where failing inputs are kept: a directory for each, with the input's files in it. */
const failuresDirectory = join(import.meta.dirname, "..", "failures");

/** Which input. */
export interface InputPlace {
  readonly target: string;
  readonly seed: number;
  readonly index: number;
}

export interface ReplayOrder extends InputPlace {
  /** Fed instead of the one that the place names. */
  readonly input?: FuzzInput;
  /** Whether it is fed to the target, or only made. */
  readonly run: boolean;
}

export interface ReplayReport {
  readonly input: FuzzInput;
  readonly verdict: Verdict | undefined;
}

function runOnce(order: ReplayOrder): Promise<ReplayReport> {
  const worker = new Worker(new URL("./replay-worker.ts", import.meta.url), {
    workerData: order,
    execArgv: ["--conditions=@titan-kv/source", "--disable-warning=ExperimentalWarning"],
  });
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`the thread ended with ${code}`)));
  });
}

/** Feeds the input of a number. */
export async function replayInput(place: InputPlace): Promise<Verdict> {
  const { verdict } = await runOnce({ ...place, run: true });
  return verdict ?? { type: "failed", message: "the input was not fed" };
}

/** Writes the input of a number into files, and returns where. */
export async function saveInput(place: InputPlace): Promise<string> {
  const { input } = await runOnce({ ...place, run: false });
  const directory = join(failuresDirectory, place.target, `${place.seed}-${place.index}`);
  for (const { name, bytes } of input) {
    const path = join(directory, name);
    // oxlint-disable-next-line no-await-in-loop -- a handful of small files
    await mkdir(dirname(path), { recursive: true });
    // oxlint-disable-next-line no-await-in-loop -- as above
    await writeFile(path, bytes);
  }
  return relative(process.cwd(), directory);
}

/** Feeds a saved input. */
export async function replayFile(target: string, directory: string): Promise<Verdict> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const input = await Promise.all(
    files.map(async (path) => ({
      name: relative(directory, path).split(sep).join("/"),
      bytes: await readFile(path),
    })),
  );
  const { verdict } = await runOnce({ target, seed: 0, index: 0, input, run: true });
  return verdict ?? { type: "failed", message: "the input was not fed" };
}
