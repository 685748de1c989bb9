/** Latencies of syncs, kept in power-of-two buckets of microseconds: constant memory, good enough for an operator. */
export class SyncTimes {
  count = 0;
  #totalMicros = 0;
  #maxMicros = 0;
  readonly #buckets: Uint32Array = new Uint32Array(40);

  record(ms: number): void {
    const micros = Math.max(1, Math.round(ms * 1000));
    this.count++;
    this.#totalMicros += micros;
    this.#maxMicros = Math.max(this.#maxMicros, micros);
    this.#buckets[Math.min(39, Math.floor(Math.log2(micros)))]!++;
  }

  /** Mean and maximum are exact; the 99th percentile is the upper edge of its bucket. */
  summary(): { count: number; meanMs: number; p99Ms: number; maxMs: number } {
    const { count } = this;
    if (count === 0) return { count, meanMs: 0, p99Ms: 0, maxMs: 0 };
    let seen = 0;
    let bucket = 0;
    while (bucket < 39 && (seen += this.#buckets[bucket]!) < count * 0.99) bucket++;
    const p99Ms = Math.min(this.#maxMicros, 2 ** (bucket + 1)) / 1000;
    return { count, meanMs: this.#totalMicros / count / 1000, p99Ms, maxMs: this.#maxMicros / 1000 };
  }
}
