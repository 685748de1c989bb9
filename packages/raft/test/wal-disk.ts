import { type DirectoryLock, type FileSystem, type LogFile, type OpenMode } from "../src/wal/index.ts";

/**
 * What a crash leaves of writes and names that were not durable yet: nothing, all, or some sectors and some names. A
 * process that is `killed` leaves all of it, but in the page cache: the next crash may still lose it.
 */
export type CrashImage = "lost" | "kept" | "torn" | "killed";

/** The process is gone: no call does anything any more. */
export class Crashed extends Error {}

const sectorBytes = 512;

interface Inode {
  /** What a reader sees. */
  live: Uint8Array;
  /** What is on the platter. */
  durable: Uint8Array;
  /** Writes that are in `live` and not yet durable. */
  pending: { readonly position: number; readonly bytes: Uint8Array }[];
  /** What is in `live` and will never be durable, unless it is written again. */
  phantoms: { readonly position: number; readonly bytes: Uint8Array }[];
}

/** A failure to inject at one call. */
export type Fault =
  | { readonly kind: "crash"; readonly when: "before" | "during" | "after" }
  /**
   * A write fails with EIO, can be read nevertheless, and is on no platter: the pages of a failed write count as clean, so
   * that no later sync writes them (https://lwn.net/Articles/752063/).
   */
  | { readonly kind: "phantom" }
  | { readonly kind: "error"; readonly code: string; readonly times: number }
  | { readonly kind: "short" };

/** A disk in memory that counts calls and fails at a chosen one. */
export class TestDisk implements FileSystem {
  readonly #live = new Map<string, Inode>();
  /** Names that survive a power failure. */
  #durable = new Map<string, Inode>();
  calls = 0;
  readonly log: string[] = [];
  faultAt: number | undefined;
  fault: Fault | undefined;
  #crashed = false;
  /** How long a write takes, in turns of the microtask queue. */
  latency = 3;

  async makeDirectory(): Promise<void> {
    await this.#call("makeDirectory", () => undefined);
  }

  list(): string[] {
    if (this.#crashed) throw new Crashed();
    return [...this.#live.keys()];
  }

  open(path: string, mode: OpenMode): LogFile {
    const name = path.split("/").at(-1) ?? "";
    return this.#callNow(`open ${name}`, () => {
      let inode = this.#live.get(name);
      if (mode === "create") {
        inode = { live: new Uint8Array(0), durable: new Uint8Array(0), pending: [], phantoms: [] };
        this.#live.set(name, inode);
      }
      if (inode === undefined) throw coded("ENOENT");
      return this.#file(name, inode);
    });
  }

  rename(from: string, to: string): void {
    const [fromName, toName] = [from.split("/").at(-1) ?? "", to.split("/").at(-1) ?? ""];
    this.#callNow(`rename ${fromName} ${toName}`, () => {
      const inode = this.#live.get(fromName);
      if (inode === undefined) throw coded("ENOENT");
      this.#live.delete(fromName);
      this.#live.set(toName, inode);
    });
  }

  remove(path: string): void {
    const name = path.split("/").at(-1) ?? "";
    this.#callNow(`remove ${name}`, () => {
      if (!this.#live.delete(name)) throw coded("ENOENT");
    });
  }

  async syncDirectory(): Promise<void> {
    await this.#call("syncDirectory", () => {
      this.#durable = new Map(this.#live);
    });
  }

  lock(): Promise<DirectoryLock> {
    return Promise.resolve({ release: () => Promise.resolve() });
  }

  /** The disk as the next process finds it. */
  after(image: CrashImage, random: () => number): TestDisk {
    const disk = new TestDisk();
    if (image === "killed") {
      const copies = new Map<Inode, Inode>();
      for (const inode of [...this.#live.values(), ...this.#durable.values()]) {
        copies.set(
          inode,
          copies.get(inode) ?? { ...inode, live: inode.live.slice(), durable: inode.durable.slice() },
        );
      }
      for (const [name, inode] of this.#live) disk.#live.set(name, copies.get(inode) ?? inode);
      for (const [name, inode] of this.#durable) disk.#durable.set(name, copies.get(inode) ?? inode);
      return disk;
    }
    // A directory operation that was not synced may have happened or not, each on its own.
    const names = new Map(image === "lost" ? this.#durable : this.#live);
    if (image === "torn") {
      for (const [name, inode] of this.#durable)
        if (!this.#live.has(name) && random() < 0.5) names.set(name, inode);
      for (const name of this.#live.keys())
        if (!this.#durable.has(name) && random() < 0.5) names.delete(name);
    }
    for (const [name, inode] of names) {
      const bytes = image === "kept" ? synced(inode) : tear(inode, image === "torn" ? random : () => 1);
      disk.#live.set(name, { live: bytes, durable: bytes.slice(), pending: [], phantoms: [] });
    }
    disk.#durable = new Map(disk.#live);
    return disk;
  }

  /** A copy of the disk, all of it durable. */
  copy(): TestDisk {
    return this.after("kept", () => 0);
  }

  names(): string[] {
    return [...this.#live.keys()].toSorted();
  }

  /** The bytes of a file, to look at or to damage. */
  bytes(name: string): Uint8Array {
    const inode = this.#live.get(name);
    if (inode === undefined) throw coded("ENOENT");
    return inode.live;
  }

  put(name: string, bytes: Uint8Array): void {
    const inode = { live: bytes, durable: bytes.slice(), pending: [], phantoms: [] };
    this.#live.set(name, inode);
    this.#durable.set(name, inode);
  }

  discard(name: string): void {
    this.#live.delete(name);
    this.#durable.delete(name);
  }

  #file(name: string, inode: Inode): LogFile {
    return {
      size: () => inode.live.length,
      read: (target, position) => {
        if (this.#crashed) throw new Crashed();
        const part = inode.live.subarray(position, position + target.length);
        target.set(part);
        return part.length;
      },
      preallocate: async (bytes) => {
        await this.#call(`preallocate ${name}`, () => {
          inode.live = new Uint8Array(bytes);
          inode.durable = new Uint8Array(bytes);
        });
      },
      writeDurably: async (bytes, position) => {
        const whole = bytes.slice();
        const short = this.fault?.kind === "short" && this.calls + 1 === this.faultAt;
        const written = short ? whole.subarray(0, Math.ceil(whole.length / 3)) : whole;
        if (this.fault?.kind === "phantom" && this.calls + 1 === this.faultAt) {
          inode.live = grown(inode.live, position + whole.length);
          inode.live.set(whole, position);
          inode.phantoms.push({ position, bytes: whole });
        }
        await this.#call(
          `write ${name} ${position}+${bytes.length}`,
          () => {
            // Only the range that was written: what somebody else left in the page cache stays there.
            inode.pending = inode.pending.filter(({ bytes: other }) => other !== written);
            inode.phantoms = inode.phantoms.filter(
              ({ position: at, bytes: { length } }) =>
                at < position || at + length > position + written.length,
            );
            inode.durable = grown(inode.durable, position + written.length);
            inode.durable.set(written, position);
          },
          () => {
            inode.live = grown(inode.live, position + written.length);
            inode.live.set(written, position);
            inode.pending.push({ position, bytes: written });
          },
        );
        return written.length;
      },
      sync: async () => {
        await this.#call(`sync ${name}`, () => {
          inode.pending = [];
          inode.durable = synced(inode);
        });
      },
      close: () => undefined,
    };
  }

  #callNow<Result>(what: string, action: () => Result): Result {
    const fault = this.#begin(what);
    if (fault?.kind === "crash" && fault.when !== "after") this.#crash();
    const result = action();
    if (fault?.kind === "crash") this.#crash();
    return result;
  }

  async #call(what: string, end: () => void, begin: () => void = () => undefined): Promise<void> {
    const fault = this.#begin(what);
    if (fault?.kind === "crash" && fault.when === "before") this.#crash();
    begin();
    if (fault?.kind === "crash" && fault.when === "during") this.#crash();
    for (let turn = 0; turn < this.latency; turn++) await Promise.resolve();
    if (this.#crashed) throw new Crashed();
    end();
    if (fault?.kind === "crash") this.#crash();
  }

  #begin(what: string): Fault | undefined {
    if (this.#crashed) throw new Crashed();
    this.calls += 1;
    this.log.push(what);
    if (this.faultAt === undefined || this.fault === undefined || this.calls < this.faultAt) return undefined;
    if (this.fault.kind === "phantom") {
      if (this.calls === this.faultAt && what.startsWith("write")) throw coded("EIO");
      return undefined;
    }
    if (this.fault.kind === "error") {
      if (this.calls >= this.faultAt + this.fault.times) return undefined;
      // A full disk has room for names.
      if (this.fault.code === "ENOSPC" && !/^(?:open|preallocate|write)/u.test(what)) return undefined;
      throw coded(this.fault.code);
    }
    return this.calls === this.faultAt ? this.fault : undefined;
  }

  #crash(): never {
    this.#crashed = true;
    throw new Crashed();
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length >= length) return bytes;
  const longer = new Uint8Array(length);
  longer.set(bytes);
  return longer;
}

/** What a sync makes durable: everything but what the system believes to be on the platter already. */
function synced(inode: Inode): Uint8Array {
  const bytes = inode.live.slice();
  for (const { position, bytes: lost } of inode.phantoms) {
    bytes.fill(0, position, position + lost.length);
    bytes.set(inode.durable.subarray(position, position + lost.length), position);
  }
  return bytes;
}

/** Durable bytes, and of each write under way the sectors that made it. */
function tear(inode: Inode, random: () => number): Uint8Array {
  let bytes: Uint8Array = inode.durable.slice();
  for (const write of inode.pending) {
    const end = write.position + write.bytes.length;
    bytes = grown(bytes, end);
    for (let at = write.position; at < end;) {
      const next = Math.min(end, (Math.floor(at / sectorBytes) + 1) * sectorBytes);
      if (random() < 0.5) bytes.set(write.bytes.subarray(at - write.position, next - write.position), at);
      at = next;
    }
  }
  return bytes;
}

function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** A generator of random numbers in `[0, 1)` that a seed determines. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
