// What a node's disk would tell if the power failed now. Checkers look at this and not at what the node believes: an answer
// that rests on memory is the mistake that they are there to find.

import type { FileSystem } from "../../wal/index.ts";
import { EntryCache } from "../../wal/entry-cache.ts";
import { LogState } from "../../wal/log-state.ts";
import { replay } from "../../wal/replay.ts";
import type { SimulatedDisk } from "./simulated-disk.ts";

/** Reads the log on a disk, no more often than it changes. */
export class DiskImage {
  readonly #disk: SimulatedDisk;
  readonly #directory: string;
  #version = -1;
  #state = new LogState(new EntryCache(0));

  constructor(disk: SimulatedDisk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  /** What is durable of a group. */
  durable(group: number): {
    readonly term: number;
    readonly vote: number;
    readonly lastIndex: number;
    readonly snapshotIndex: number;
  } {
    const { hardState, metadata, entries } = this.#read().group(group);
    return {
      term: hardState.term,
      vote: hardState.vote,
      lastIndex: entries.last,
      snapshotIndex: metadata.index,
    };
  }

  /** The term of a durable entry; undefined when it is not there. */
  termAt(group: number, index: number): number | undefined {
    return this.#read().group(group).termOf(index);
  }

  #read(): LogState {
    if (this.#version === this.#disk.version) return this.#state;
    this.#version = this.#disk.version;
    this.#state = new LogState(new EntryCache(0));
    const state = this.#state;
    const files: FileSystem = this.#disk.durableFiles();
    replay(files, this.#directory, { mode: "read", visitor: { record: state.replay.bind(state) } });
    state.finishReplay();
    return state;
  }
}
