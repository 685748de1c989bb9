import type { Configuration } from "../core/configuration.ts";
import type { Entry } from "../core/entry.ts";
import type { ProgressStatus } from "../core/status.ts";
import type { ResolvedGroupPolicy } from "./group-options.ts";

/** Decides when the log of a group is shortened, and by how much. */
export class CompactionRule {
  readonly #policy: ResolvedGroupPolicy;
  #entries = 0;
  #bytes = 0;
  #lastMs: number;
  /** An estimate of an entry's size, for limits that are given in bytes. */
  #bytesPerEntry = 0;
  /** The configurations in force since the oldest index that a snapshot may still be taken of, ascending. */
  #configurations: { readonly from: number; readonly configuration: Configuration }[];

  constructor(
    policy: ResolvedGroupPolicy,
    start: { readonly nowMs: number; readonly configuration: Configuration },
  ) {
    this.#policy = policy;
    this.#lastMs = start.nowMs;
    this.#configurations = [{ from: 0, configuration: start.configuration }];
  }

  applied(entries: readonly Entry[]): void {
    this.#entries += entries.length;
    for (const entry of entries) this.#bytes += entry.data.length;
  }

  configurationChanged(index: number, configuration: Configuration): void {
    this.#configurations.push({ from: index, configuration });
  }

  /** The configuration as of an applied index. */
  configurationAt(index: number): Configuration | undefined {
    return this.#configurations.findLast(({ from }) => from <= index)?.configuration;
  }

  /** Whether it is time. */
  due(nowMs: number): boolean {
    if (this.#entries === 0) return false;
    const { snapshotEntries, snapshotBytes, snapshotIntervalMs } = this.#policy;
    return (
      this.#entries >= snapshotEntries ||
      this.#bytes >= snapshotBytes ||
      nowMs - this.#lastMs >= snapshotIntervalMs
    );
  }

  /** A snapshot at `index` was begun, or taken over. */
  begun(nowMs: number, index: number): void {
    if (this.#entries > 0) this.#bytesPerEntry = this.#bytes / this.#entries;
    this.#entries = 0;
    this.#bytes = 0;
    this.#lastMs = nowMs;
    const kept = this.#configurations.findLastIndex(({ from }) => from <= index);
    if (kept > 0) this.#configurations = this.#configurations.slice(kept);
  }

  /**
   * Up to which entry the log may be dropped when a snapshot covers `index`. A few stay for replicas that lag a little,
   * and more for a leader's living followers, as far as the policy's bytes reach. `urgent` keeps none.
   */
  through(index: number, followers: readonly ProgressStatus[], urgent: boolean): number {
    if (urgent) return index;
    const { keepEntries, keepBytes } = this.#policy;
    let through = index - keepEntries;
    const reach = Math.floor(keepBytes / Math.max(1, this.#bytesPerEntry));
    for (const { match, recentActive } of followers) {
      if (recentActive && match < through) through = Math.max(match, index - Math.max(keepEntries, reach));
    }
    return Math.max(0, through);
  }
}
