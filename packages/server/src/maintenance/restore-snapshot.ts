/**
 * Restores a snapshot into an empty cluster, whatever its number of nodes and shards.
 *
 * The danger is a cluster that looks whole and is not. So the shards close before the first record is written, each by its
 * own log, and open only after the cluster map has said that all of them are complete:
 *
 * 1. the map notes that a restore has begun, and gives it a number;
 * 2. every shard closes (Begin), if it is empty, or if it is closed by a restore that did not finish;
 * 3. records go to the shards that own their slots now (Load), through their logs, so that every replica has them;
 * 4. the snapshot's last block says that it was whole, and every shard checks that it has everything (Seal);
 * 5. the map notes that the restore is finished. This is the moment from which the data is there;
 * 6. the shards open (Open). Leaders do that by themselves, too, should nobody be left to tell them.
 *
 * A crash before 5 leaves a closed cluster that says so, and a restore that can be begun again or abandoned.
 */
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { ApiError } from "../http/api-error.ts";
import type { BegunRestore, MetaCommand, MetaResult } from "../meta/meta-command.ts";
import { RestoreStep, type SnapshotRecord } from "../shard/restore-command.ts";
import { notEmptyError, notEmptySubject, type RestoreProposer } from "./restore-proposer.ts";
import { ShardLoader } from "./shard-loader.ts";
import { SnapshotError } from "./snapshot-error.ts";
import type { SnapshotHeader } from "./snapshot-format.ts";
import type { SnapshotPart } from "./snapshot-reader.ts";

/**
 * How far the restored cluster's revisions begin after the snapshot's. The old cluster may have given out more revisions
 * after it was saved; none of them may name another change now.
 */
export const revisionGap = 1_000_000_000;
/** How far the snapshot's sessions may be dated ahead of this node's clock: until then no session could be opened. */
const maxSessionLeadMs = 60_000;

/** What a restore needs of its node. */
export interface RestoreContext {
  /** The data shards. */
  shards(): readonly number[];
  shardOf(key: Uint8Array): number;
  /** Version of the slot table. */
  epoch(): number;
  /** Whether any shard that serves has a key. */
  holdsData(): Promise<boolean>;
  /** Whether the cluster map here says that a restore has not finished. */
  isRestoring(): boolean;
  propose(command: MetaCommand): Promise<MetaResult>;
  readonly proposer: RestoreProposer;
  readonly wallClock: () => number;
  readonly logger: Logger;
}

/** What was restored. */
export interface RestoredSnapshot {
  readonly keys: number;
  readonly shards: number;
  /** Changes from now on have higher revisions. */
  readonly revision: number;
}

/** Restores the parts of a snapshot. @throws ApiError; its message says what became of the cluster. */
export async function restoreSnapshot(
  context: RestoreContext,
  parts: AsyncIterable<SnapshotPart>,
  restart: boolean,
): Promise<RestoredSnapshot> {
  let run: RestoreRun | undefined;
  try {
    for await (const part of parts) {
      if (part.type === "header") run = await beginRun(context, part.header, restart);
      else if (part.type === "records") await run!.load(part.records);
      else return await run!.finish(part.summary.keys);
    }
  } catch (error) {
    context.logger.warn({ err: error, restore: run?.number }, "a restore has failed");
    const problem = error instanceof SnapshotError ? damaged(error) : error;
    throw run === undefined || !(problem instanceof ApiError) ? problem : leftClosed(problem);
  }
  throw new Error("a snapshot ended without an end");
}

/** Takes away what an unfinished restore has written, and opens the cluster, empty. Returns how many keys that were. */
export async function abandonRestore(context: RestoreContext): Promise<number> {
  if (!context.isRestoring()) {
    const message = "no restore has begun that has not finished";
    throw new ApiError({
      reason: "FAILED_PRECONDITION",
      outcome: "NOT_APPLIED",
      message,
      subject: "NO_RESTORE",
    });
  }
  return undo(context, await beginInMap(context, true));
}

function damaged(error: SnapshotError): ApiError {
  return new ApiError({
    reason: "INVALID_ARGUMENT",
    outcome: "NOT_APPLIED",
    message: error.message,
    subject: "chunk",
  });
}

/** The error, with what it leaves behind. */
function leftClosed(error: ApiError): ApiError {
  const { reason, subject } = error;
  const message = `${error.message}. The cluster stays closed until a restore is begun again with restart, or abandoned`;
  return new ApiError({ reason, outcome: "UNKNOWN", message, subject, cause: error });
}

async function beginInMap(context: RestoreContext, restart: boolean): Promise<BegunRestore> {
  const beganMs = context.wallClock();
  const result = await context.propose({ type: "beginRestore", restart, token: randomUUID(), beganMs });
  if (!result.ok) throw refusedByMap(result);
  return result.restore!;
}

function refusedByMap({ message, refusal }: Extract<MetaResult, { ok: false }>): ApiError {
  return new ApiError({ reason: "FAILED_PRECONDITION", outcome: "NOT_APPLIED", message, subject: refusal });
}

/** Removes what is left of an unfinished restore from a shard that a new one has taken over. */
async function clearShard({ proposer }: RestoreContext, shard: number, number: number): Promise<number> {
  let keys = 0;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one part after the other, so that the shard's log is not held up
    const removed = await proposer.step(shard, { step: RestoreStep.Clear, number });
    if (removed === 0) return keys;
    keys += removed;
  }
}

function isFull(error: unknown): error is ApiError {
  return error instanceof ApiError && error.subject === notEmptySubject;
}

/** Closes the shards for a restore; returns how many did not, because they hold data. @throws anything else. */
async function closeShards(
  context: RestoreContext,
  { number, finished }: BegunRestore,
): Promise<readonly ApiError[]> {
  const answers = await Promise.allSettled(
    context
      .shards()
      .map((shard) => context.proposer.step(shard, { step: RestoreStep.Begin, number, finished })),
  );
  const errors = answers.flatMap((answer) =>
    answer.status === "rejected" ? [answer.reason as unknown] : [],
  );
  const other = errors.find((error) => !isFull(error));
  if (other !== undefined) throw other;
  return errors.filter(isFull);
}

/** Opens what a restore has closed, without its data, and lets the map forget it. */
async function undo(context: RestoreContext, begun: BegunRestore): Promise<number> {
  const { number } = begun;
  await closeShards(context, begun);
  let keys = 0;
  for (const shard of context.shards()) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- rare, and gentle to a cluster that has other things to do
      keys += await clearShard(context, shard, number);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await context.proposer.step(shard, { step: RestoreStep.Cancel, number });
    } catch (error) {
      // It holds data and was never closed; or another restore has closed it since.
      if (!(error instanceof ApiError && error.subject === "RESTORE_SUPERSEDED")) throw error;
    }
  }
  const result = await context.propose({ type: "abandonRestore", number });
  if (!result.ok) throw refusedByMap(result);
  return keys;
}

async function beginRun(
  context: RestoreContext,
  header: SnapshotHeader,
  restart: boolean,
): Promise<RestoreRun> {
  const sessionsThroughMs = Math.max(...header.shards.map((shard) => shard.sessionsThroughMs));
  if (sessionsThroughMs > context.wallClock() + maxSessionLeadMs) {
    const aheadS = Math.ceil((sessionsThroughMs - context.wallClock()) / 1000);
    throw new ApiError({
      reason: "FAILED_PRECONDITION",
      outcome: "NOT_APPLIED",
      message: `the snapshot has sessions that were opened ${aheadS} s in the future by this node's clock: set the clock, or wait`,
      subject: "CLOCK",
    });
  }
  // Asked first, so that a cluster with data notices nothing; decided by the shards when they close.
  if (await context.holdsData()) throw notEmptyError("");
  const epoch = context.epoch();
  const begun = await beginInMap(context, restart);
  const { number } = begun;
  const [full] = await closeShards(context, begun);
  if (full !== undefined) {
    await undo(context, begun);
    throw full;
  }
  await Promise.all(context.shards().map((shard) => clearShard(context, shard, number)));
  const revision = Math.max(...header.shards.map((shard) => shard.revision)) + revisionGap;
  return new RestoreRun(context, { number, epoch, revision, sessionsThroughMs });
}

interface RunFields {
  readonly number: number;
  readonly epoch: number;
  readonly revision: number;
  readonly sessionsThroughMs: number;
}

/** A restore whose shards are closed and empty. */
class RestoreRun {
  readonly #context: RestoreContext;
  readonly #fields: RunFields;
  readonly #loaders: ReadonlyMap<number, ShardLoader>;

  constructor(context: RestoreContext, fields: RunFields) {
    this.#context = context;
    this.#fields = fields;
    const { proposer } = context;
    const { number } = fields;
    this.#loaders = new Map(
      context.shards().map((shard) => [shard, new ShardLoader({ shard, number, proposer })]),
    );
  }

  get number(): number {
    return this.#fields.number;
  }

  async load(records: readonly SnapshotRecord[]): Promise<void> {
    for (const record of records) {
      const loader = this.#loaders.get(this.#context.shardOf(record.key));
      if (loader === undefined) throw this.#tableChanged();
      // oxlint-disable-next-line no-await-in-loop -- this is what holds the sender back
      await loader.add(record);
    }
  }

  async finish(keys: number): Promise<RestoredSnapshot> {
    const { number, revision, sessionsThroughMs, epoch } = this.#fields;
    const { proposer } = this.#context;
    const seal = { revision, forgottenThroughMs: sessionsThroughMs };
    await Promise.all([...this.#loaders.values()].map((loader) => loader.seal(seal)));
    if (this.#context.epoch() !== epoch) throw this.#tableChanged();
    const result = await this.#context.propose({ type: "finishRestore", number });
    if (!result.ok) throw refusedByMap(result);
    // From here on nothing can go wrong any more: a shard that is not reached is opened by its leader.
    await Promise.allSettled(
      [...this.#loaders.keys()].map((shard) => proposer.step(shard, { step: RestoreStep.Open, number })),
    );
    return { keys, shards: this.#loaders.size, revision };
  }

  #tableChanged(): ApiError {
    return new ApiError({
      reason: "UNAVAILABLE",
      outcome: "UNKNOWN",
      message: "the shards' slots have changed while the snapshot was restored",
    });
  }
}
