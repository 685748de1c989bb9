import { Bitcask } from "../../src/index.ts";
import { CrashWorkload, directory, readAll, storeOptions } from "./crash-workload.ts";
import {
  changingCalls,
  imageKinds,
  MachineDied,
  MemoryFileSystem,
  type ImageKind,
} from "./memory-file-system.ts";
import { ModelHistory } from "./model-history.ts";
import { Random } from "./random.ts";

/** One crash: which workload, at which changing call, and what the disk made of it. */
export interface CrashCase {
  readonly seed: number;
  readonly steps: number;
  readonly crashAt: number;
}

/** Number of changing calls of the workload when nothing goes wrong. */
export async function countCalls(seed: number, steps: number): Promise<number> {
  const fs = new MemoryFileSystem();
  await new CrashWorkload(new Random(seed), new ModelHistory()).run(fs, steps);
  return fs.changes;
}

/** Crashes at one call and checks every image of it. Returns a description for each broken promise. */
export async function checkCrash(
  crash: CrashCase,
  kinds: readonly ImageKind[] = imageKinds,
): Promise<string[]> {
  const fs = new MemoryFileSystem();
  crashAfter(fs, crash.crashAt);
  const history = new ModelHistory();
  try {
    await new CrashWorkload(new Random(crash.seed), history).run(fs, crash.steps);
  } catch (error) {
    if (!fs.isDead)
      return [`the workload failed by itself: ${String(error)} ${error instanceof Error ? error.stack : ""}`];
  }
  const problems: string[] = [];
  for (const kind of kinds) {
    const image = fs.afterPowerLoss(kind, crash.seed * 31 + crash.crashAt);
    // oxlint-disable-next-line eslint/no-await-in-loop -- one image after the other keeps memory small
    const problem = await checkImage(image, history, crash);
    if (problem !== undefined)
      problems.push(`seed ${crash.seed}, crash at call ${crash.crashAt}, ${kind}: ${problem}`);
  }
  return problems;
}

/** Opens an image, compares, crashes again during recovery, and checks that the store goes on working. */
async function checkImage(
  image: MemoryFileSystem,
  history: ModelHistory,
  crash: CrashCase,
): Promise<string | undefined> {
  try {
    const random = new Random(crash.seed + crash.crashAt);
    const again = image.copy();
    crashAfter(again, random.below(12));
    try {
      const db = await Bitcask.open(directory, storeOptions(again));
      await db.close();
    } catch (error) {
      if (!again.isDead) throw error;
    }
    const first = await stateOf(image);
    const step = history.match(first);
    if (typeof step === "string") return step;
    const second = history.match(await stateOf(again.afterPowerLoss(random.pick(imageKinds), crash.crashAt)));
    if (typeof second === "string") return `after another crash during recovery: ${second}`;
    return await checkGoesOn(image);
  } catch (error) {
    if (error instanceof MachineDied) throw error;
    return error instanceof Error ? `${error.message}\n${error.stack}` : String(error);
  }
}

async function stateOf(fs: MemoryFileSystem): Promise<ReturnType<typeof readAll>> {
  const db = await Bitcask.open(directory, storeOptions(fs));
  const state = readAll(db);
  await db.close();
  return state;
}

async function checkGoesOn(fs: MemoryFileSystem): Promise<string | undefined> {
  const db = await Bitcask.open(directory, storeOptions(fs));
  await db.put("key-3", "after");
  await db.close();
  const reopened = await Bitcask.open(directory, storeOptions(fs));
  const found = reopened.getSync("key-3")?.toString();
  await reopened.close();
  return found === "after" ? undefined : `a write after recovery was lost, found ${found}`;
}

/** Lets the machine die at the given changing call. */
function crashAfter(fs: MemoryFileSystem, crashAt: number): void {
  fs.plan = (call) => (changingCalls.has(call.kind) && fs.changes === crashAt ? "crash" : undefined);
}
