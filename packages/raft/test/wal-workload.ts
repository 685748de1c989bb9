import type { LogWrite } from "../src/host/index.ts";
import {
  type Configuration,
  type Entry,
  EntryType,
  type HardState,
  type SnapshotMetadata,
} from "../src/index.ts";
import { FileLog } from "../src/wal/index.ts";
import { seeded, type TestDisk } from "./wal-disk.ts";

/** What the log of one group should hold. */
interface Expected {
  hardState: HardState;
  metadata: SnapshotMetadata;
  through: number;
  throughTerm: number;
  entries: Entry[];
}

/** What the whole log should hold, after each append. */
export class Model {
  readonly groups = new Map<number, Expected>();
  readonly removed = new Set<number>();

  apply(batch: readonly LogWrite[]): void {
    for (const write of batch) {
      if (write.remove === true) {
        this.groups.delete(write.group);
        this.removed.add(write.group);
        continue;
      }
      const log = this.groups.get(write.group) ?? fresh();
      this.groups.set(write.group, log);
      if (write.snapshot !== undefined) {
        log.metadata = write.snapshot;
        log.through = write.snapshot.index;
        log.throughTerm = write.snapshot.term;
        log.entries = [];
      }
      const [first] = write.entries ?? [];
      if (first !== undefined) {
        log.entries = [...log.entries.filter(({ index }) => index < first.index), ...(write.entries ?? [])];
      }
      if (write.compact !== undefined && write.compact.metadata.index >= log.metadata.index) {
        const { through, metadata } = write.compact;
        log.metadata = metadata;
        log.throughTerm = log.entries.find(({ index }) => index === through)?.term ?? log.throughTerm;
        log.through = Math.max(log.through, through);
        log.entries = log.entries.filter(({ index }) => index > through);
      }
      if (write.hardState !== undefined) log.hardState = write.hardState;
    }
  }

  digest(): string {
    const lines = [...this.groups.entries()]
      .toSorted(([one], [other]) => one - other)
      .map(([group, log]) => digestOf(group, log));
    return [...lines, `removed ${[...this.removed].toSorted((one, other) => one - other).join(" ")}`].join(
      "\n",
    );
  }
}

function fresh(): Expected {
  const configuration = {
    voters: [],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
    index: 0,
  };
  return {
    hardState: { term: 0, vote: 0, commit: 0 },
    metadata: { index: 0, term: 0, configuration },
    through: 0,
    throughTerm: 0,
    entries: [],
  };
}

function digestOf(group: number, log: Expected): string {
  const entries = log.entries.map(
    ({ type, term, index, data }) => `${index}@${term}/${type}:${data.length}:${data[0] ?? ""}`,
  );
  const { hardState, metadata, through, throughTerm } = log;
  const { index, term, configuration } = metadata;
  const members = Object.entries(configuration).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `${group} ${JSON.stringify(hardState)} ${index}@${term} ${JSON.stringify(members)} ${through}@${throughTerm} ${entries.join(",")}`;
}

/** One line of the digest for a group of a log. */
export function digestGroup(log: FileLog, group: number): string {
  const reader = log.reader(group);
  const through = reader.firstIndex() - 1;
  return digestOf(group, {
    hardState: reader.initialState().hardState,
    metadata: reader.snapshot(),
    through,
    throughTerm: reader.term(through),
    entries: reader.entries(through + 1, reader.lastIndex() + 1, Number.MAX_SAFE_INTEGER),
  });
}

/** What a log holds, in the words of `Model.digest`. `candidates` are groups that may have been removed. */
export function digestLog(log: FileLog, candidates: readonly number[]): string {
  const removed = candidates.filter((group) => {
    try {
      log.reader(group).firstIndex();
      return false;
    } catch {
      return true;
    }
  });
  return [...log.groups().map((group) => digestGroup(log, group)), `removed ${removed.join(" ")}`].join("\n");
}

export const workloadGroups: readonly number[] = [1, 2, 3, 4, 5];

/** Something that a host might append, given what the log holds. */
export function nextBatch(model: Model, random: () => number): LogWrite[] {
  const batch: LogWrite[] = [];
  for (const group of workloadGroups) {
    if (model.removed.has(group) || random() > 0.4) continue;
    batch.push(nextWrite(group, model.groups.get(group) ?? fresh(), random));
  }
  return batch;
}

function nextWrite(group: number, log: Expected, random: () => number): LogWrite {
  const last = log.entries.at(-1)?.index ?? log.through;
  const lastTerm = log.entries.at(-1)?.term ?? log.throughTerm;
  const choice = random();
  // The last group is rarely written, so that its segments have to be rewritten.
  if (group === 5 && choice < 0.9 && last > 0)
    return { group, hardState: { ...log.hardState, commit: log.through } };
  if (choice < 0.02 && group === 4) return { group, remove: true };
  if (choice < 0.06) {
    const index = last + 1 + Math.floor(random() * 5);
    return {
      group,
      snapshot: { index, term: lastTerm + 1, configuration: configurationAt(index) },
      hardState: { term: lastTerm + 1, vote: 0, commit: index },
    };
  }
  if (choice < 0.3 && log.entries.length > 2) {
    const at = Math.floor(random() * log.entries.length);
    const through = log.entries[at]?.index ?? 0;
    const covered = log.entries[Math.min(log.entries.length - 1, at + 2)];
    const index = covered?.index ?? through;
    return {
      group,
      compact: {
        through,
        metadata: { index, term: covered?.term ?? 0, configuration: configurationAt(index) },
      },
    };
  }
  const conflict = choice < 0.4 && log.entries.length > 1;
  const first = conflict
    ? (log.entries[Math.floor(random() * log.entries.length)]?.index ?? last + 1)
    : last + 1;
  const term = conflict ? lastTerm + 1 : Math.max(1, lastTerm);
  const entries = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, at) => ({
    type: random() < 0.1 ? EntryType.ConfChange : EntryType.Normal,
    term,
    index: first + at,
    data: new Uint8Array(Math.floor(random() ** 3 * 2500)).fill(1 + Math.floor(random() * 250)),
  }));
  return { group, entries, hardState: { term, vote: 1 + (term % 3), commit: log.through } };
}

function configurationAt(index: number): Configuration {
  const joint = index % 2 === 1;
  return {
    voters: [1, 2, 3],
    votersOutgoing: joint ? [1, 2, 4] : [],
    learners: [7],
    learnersNext: joint ? [4] : [],
    autoLeave: joint,
    index: index - 1,
  };
}

/** What a run of the workload left. */
export interface RunResult {
  /** The digest after each append, whether it was acknowledged or not; the first one is of the empty log. */
  readonly digests: readonly string[];
  /** How many appends were reported durable. */
  readonly acknowledged: number;
  readonly error: Error | undefined;
}

/** Opens a log, appends a number of random batches, now and then several at once, and closes it if told to. */
export async function runWorkload(
  disk: TestDisk,
  options: { readonly seed: number; readonly appends: number; readonly close: boolean },
): Promise<RunResult> {
  const random = seeded(options.seed);
  const model = new Model();
  const digests = [model.digest()];
  let acknowledged = 0;
  let error: Error | undefined;
  try {
    const log = await openOn(disk, options.seed);
    let waiting: Promise<void>[] = [];
    for (let count = 1; count <= options.appends; count++) {
      const batch = nextBatch(model, random);
      model.apply(batch);
      digests.push(model.digest());
      const appended = async (): Promise<void> => {
        await log.append(batch);
        acknowledged = Math.max(acknowledged, count);
      };
      waiting.push(appended());
      // Compaction may only name what is durable, so the queue is emptied before the next batches are made up.
      if (random() < 0.7 || batch.length > 0) {
        await Promise.all(waiting);
        waiting = [];
      }
    }
    await Promise.all(waiting);
    if (options.close) await log.close();
  } catch (thrown) {
    error = thrown instanceof Error ? thrown : new Error(String(thrown));
  }
  return { digests, acknowledged, error };
}

/** A log on a test disk, with small segments. */
export function openOn(
  disk: TestDisk,
  seed: number,
  onDamage: "refuse" | "quarantine" = "refuse",
): Promise<FileLog> {
  const random = seeded(seed * 7919 + disk.calls + 1);
  return FileLog.open({
    directory: "/log",
    fileSystem: disk,
    segmentBytes: 16 << 10,
    cacheBytes: 8 << 10,
    onDamage,
    now: () => 0,
    random: (count) => Uint8Array.from({ length: count }, () => Math.floor(random() * 256)),
    retryDelay: () => Promise.resolve(),
  });
}
