// A disk with files, for the real log. What is written is visible at once and durable later; a loss of power keeps of each
// write under way any of its sectors, and of names that were not synced any.

import type { DirectoryLock, FileSystem, LogFile, OpenMode } from "../../wal/index.ts";
import type { Random } from "./random.ts";
import type { Swarm } from "./swarm.ts";
import type { Timeline } from "./timeline.ts";

const sectorBytes = 512;

/** How long a disk that stalls does so. */
const maxStallMs = 1500;

interface Write {
  readonly position: number;
  readonly bytes: Uint8Array;
}

interface SimulatedFile {
  live: Uint8Array;
  durable: Uint8Array;
  /** Writes that are in `live` and not yet in `durable`. */
  readonly pending: Set<Write>;
  /** Writes that failed: they are in `live`, and the system takes them for durable. Only another write makes them so. */
  phantoms: Write[];
}

/** What was written last, and nothing vouches for yet. */
interface Newest {
  readonly file: SimulatedFile;
  readonly write: Write;
}

/** How far from its place a write lands that is misdirected, at most. */
const maxMisdirectionSectors = 8;

/** The disk of one node, which outlives its processes. */
export class SimulatedDisk {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #swarm: Swarm;
  #live = new Map<string, SimulatedFile>();
  #durable = new Map<string, SimulatedFile>();
  #life = 0;
  #faulty = true;
  #newest: Newest | undefined;
  /** Whether it is the newest write that landed in a wrong place. */
  #newestIsAstray = false;
  /** Changes whenever what is durable does. */
  version = 0;
  /** Whether writes may land in a wrong place; told when one does. */
  misdirected: (() => void) | undefined;

  constructor(options: { timeline: Timeline; random: Random; swarm: Swarm }) {
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.#swarm = options.swarm;
  }

  /** A bit of some file turns over, unnoticed. */
  flipBit(): void {
    const written = [...this.#live.values()].filter(({ durable }) => durable.length > 0);
    if (written.length === 0) return;
    const file = this.#random.pick(written);
    // Where nothing was ever written nothing can be damaged.
    const used = file.durable.findLastIndex((byte) => byte !== 0) + 1;
    const at = this.#random.below(Math.max(1, used));
    const mask = 1 << this.#random.below(8);
    // The log says so itself: damage to the very last batch cannot be told from a write that was cut short.
    if (this.#newest?.file === file && within(at, this.#newest.write)) return;
    this.version += 1;
    file.durable[at] = (file.durable[at] ?? 0) ^ mask;
    file.live[at] = file.durable[at] ?? 0;
  }

  /** From now on the disk is merely slow. */
  heal(): void {
    this.#faulty = false;
  }

  /** The process is gone: nothing that it waits for ever happens. */
  crash({ powerLost }: { readonly powerLost: boolean }): void {
    this.#life += 1;
    this.version += 1;
    // For the same reason as in `flipBit`.
    if (this.#newestIsAstray && this.#newest !== undefined) put(this.#newest.file, this.#newest.write);
    this.#newestIsAstray = false;
    // Without a loss of power the operating system finishes what it was given.
    const names = powerLost ? this.#survivingNames() : this.#live;
    for (const file of names.values()) {
      file.durable = powerLost ? this.#torn(file) : synced(file);
      if (powerLost) {
        file.live = file.durable.slice();
        file.phantoms = [];
      }
      file.pending.clear();
    }
    this.#live = new Map(names);
    this.#durable = new Map(names);
  }

  /**
   * The file system as one process sees it.
   * @param run - runs what comes after a call, when the process is awake.
   */
  mount(run: (action: () => void) => void): FileSystem {
    const life = this.#life;
    /** A call that takes time, and never ends if the process dies meanwhile. */
    const later = <Result>(end: () => Result): Promise<Result> =>
      new Promise((resolve, reject) => {
        this.#timeline.after(this.#latencyMs(), () => {
          if (life !== this.#life) return;
          run(() => {
            try {
              resolve(end());
            } catch (error) {
              reject(error instanceof Error ? error : new Error(String(error)));
            }
          });
        });
      });
    const lock: DirectoryLock = { release: () => Promise.resolve() };
    return {
      makeDirectory: () => later(() => undefined),
      list: () => [...this.#live.keys()],
      open: (path, mode) => this.#handle(this.#open(nameOf(path), mode), later),
      rename: (from, to) => {
        const file = this.#find(nameOf(from));
        this.#live.delete(nameOf(from));
        this.#live.set(nameOf(to), file);
      },
      remove: (path) => {
        this.#find(nameOf(path));
        this.#live.delete(nameOf(path));
      },
      syncDirectory: () =>
        later(() => {
          this.version += 1;
          this.#durable = new Map(this.#live);
        }),
      lock: () => Promise.resolve(lock),
    };
  }

  #handle(file: SimulatedFile, later: <Result>(end: () => Result) => Promise<Result>): LogFile {
    return {
      size: () => file.live.length,
      read: (target, position) => {
        const part = file.live.subarray(position, position + target.length);
        target.set(part);
        return part.length;
      },
      preallocate: (bytes) => {
        this.#failSometimes("ENOSPC", 0.01);
        return later(() => {
          this.version += 1;
          file.live = new Uint8Array(bytes);
          file.durable = new Uint8Array(bytes);
        });
      },
      writeDurably: (bytes, position) => {
        this.#failSometimes("ENOSPC", 0.002);
        const short = this.#faulty && this.#random.chance(0.005);
        const write = { position, bytes: bytes.slice(0, short ? Math.ceil(bytes.length / 3) : bytes.length) };
        const astray = this.#strayFrom(file, write);
        const lands = astray ?? write;
        file.live.set(lands.bytes, lands.position);
        file.pending.add(lands);
        return later(() => {
          file.pending.delete(lands);
          this.#failWrite(file, lands);
          put(file, lands);
          this.version += 1;
          this.#newest = { file, write };
          this.#newestIsAstray = astray !== undefined;
          return write.bytes.length;
        });
      },
      sync: () =>
        later(() => {
          this.version += 1;
          file.durable = synced(file);
          file.pending.clear();
        }),
      close: () => undefined,
    };
  }

  /** Where a write lands that goes astray; undefined when it does not. */
  #strayFrom(file: SimulatedFile, { position, bytes }: Write): Write | undefined {
    if (this.misdirected === undefined || !this.#faulty || position === 0 || !this.#random.chance(0.001))
      return undefined;
    const sectors = 1 + this.#random.below(maxMisdirectionSectors);
    const there = position + (this.#random.chance(0.5) ? sectors : -sectors) * sectorBytes;
    if (there < 0 || there + bytes.length > file.live.length) return undefined;
    this.misdirected();
    return { position: there, bytes };
  }

  /** Fails now and then, in the way that hurts: what was not written can be read all the same. */
  #failWrite(file: SimulatedFile, write: Write): void {
    try {
      this.#failSometimes("EIO", 0.001);
    } catch (error) {
      file.phantoms.push(write);
      throw error;
    }
  }

  /** The files as they would be after a loss of power, to be read and not changed. */
  durableFiles(): FileSystem {
    return {
      makeDirectory: refuse,
      list: () => [...this.#durable.keys()],
      open: (path) => {
        const { durable } = this.#durable.get(nameOf(path)) ?? refuse();
        return {
          size: () => durable.length,
          read: (target, position) => {
            const part = durable.subarray(position, position + target.length);
            target.set(part);
            return part.length;
          },
          preallocate: refuse,
          writeDurably: refuse,
          sync: refuse,
          close: () => undefined,
        };
      },
      rename: refuse,
      remove: refuse,
      syncDirectory: refuse,
      lock: refuse,
    };
  }

  /** The disk is replaced by an empty one. */
  wipe(): void {
    this.#live = new Map();
    this.#durable = new Map();
    this.#newest = undefined;
    this.version += 1;
  }

  #open(name: string, mode: OpenMode): SimulatedFile {
    if (mode !== "create") return this.#find(name);
    const nothing = new Uint8Array(0);
    const file: SimulatedFile = { live: nothing, durable: nothing, pending: new Set(), phantoms: [] };
    this.#live.set(name, file);
    return file;
  }

  #find(name: string): SimulatedFile {
    const file = this.#live.get(name);
    if (file === undefined) throw coded("ENOENT");
    return file;
  }

  #failSometimes(code: string, probability: number): void {
    if (this.#faulty && this.#swarm.faults.has("diskError") && this.#random.chance(probability))
      throw coded(code);
  }

  #latencyMs(): number {
    const { minLatencyMs, maxLatencyMs } = this.#swarm.disk;
    const stalls = this.#faulty && this.#swarm.faults.has("diskStall") && this.#random.chance(0.002);
    return this.#random.between(minLatencyMs, stalls ? maxStallMs : maxLatencyMs);
  }

  #survivingNames(): Map<string, SimulatedFile> {
    const names = new Map(this.#durable);
    for (const [name, file] of this.#live) {
      if (!this.#durable.has(name) && this.#random.chance(0.5)) names.set(name, file);
    }
    for (const name of this.#durable.keys()) {
      if (!this.#live.has(name) && this.#random.chance(0.5)) names.delete(name);
    }
    return names;
  }

  /** What is durable, and some sectors of what was being written, in any order. */
  #torn(file: SimulatedFile): Uint8Array {
    const bytes = file.durable.slice();
    for (const write of file.pending) {
      const end = write.position + write.bytes.length;
      for (let at = write.position; at < end;) {
        const next = Math.min(end, (Math.floor(at / sectorBytes) + 1) * sectorBytes);
        if (this.#random.chance(0.5))
          bytes.set(write.bytes.subarray(at - write.position, next - write.position), at);
        at = next;
      }
    }
    return bytes;
  }
}

/** A write is durable, also where an earlier one had failed. */
function put(file: SimulatedFile, write: Write): void {
  file.durable.set(write.bytes, write.position);
  file.phantoms = file.phantoms.filter(
    ({ position, bytes }) => !(within(position, write) && within(position + bytes.length - 1, write)),
  );
}

/** What a sync makes durable: everything but what the system believes to be durable already. */
function synced(file: SimulatedFile): Uint8Array {
  const bytes = file.live.slice();
  for (const { position, bytes: lost } of file.phantoms) {
    bytes.set(file.durable.subarray(position, position + lost.length), position);
  }
  return bytes;
}

function within(at: number, { position, bytes }: Write): boolean {
  return at >= position && at < position + bytes.length;
}

function refuse(): never {
  throw new Error("An image of a disk is only read.");
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function coded(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code });
}
