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
}

/** The disk of one node, which outlives its processes. */
export class SimulatedDisk {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #swarm: Swarm;
  #live = new Map<string, SimulatedFile>();
  #durable = new Map<string, SimulatedFile>();
  #life = 0;
  #faulty = true;

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
    // Without a loss of power the operating system finishes what it was given.
    const names = powerLost ? this.#survivingNames() : this.#live;
    for (const file of names.values()) {
      file.durable = powerLost ? this.#torn(file) : file.live.slice();
      file.live = file.durable.slice();
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
          file.live = new Uint8Array(bytes);
          file.durable = new Uint8Array(bytes);
        });
      },
      writeDurably: (bytes, position) => {
        this.#failSometimes("ENOSPC", 0.002);
        const short = this.#faulty && this.#random.chance(0.005);
        const write = { position, bytes: bytes.slice(0, short ? Math.ceil(bytes.length / 3) : bytes.length) };
        file.live.set(write.bytes, position);
        file.pending.add(write);
        return later(() => {
          this.#failSometimes("EIO", 0.001);
          file.durable.set(write.bytes, write.position);
          file.pending.delete(write);
          return write.bytes.length;
        });
      },
      sync: () =>
        later(() => {
          file.durable = file.live.slice();
          file.pending.clear();
        }),
      close: () => undefined,
    };
  }

  #open(name: string, mode: OpenMode): SimulatedFile {
    if (mode !== "create") return this.#find(name);
    const file: SimulatedFile = { live: new Uint8Array(0), durable: new Uint8Array(0), pending: new Set() };
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

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function coded(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code });
}
