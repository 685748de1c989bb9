/**
 * Every latency of a measurement, so that percentiles are exact: a million take eight megabytes, and sorting them happens
 * after the clock has stopped.
 */

const initialCapacity = 1 << 16;

export class Latencies {
  #values = new Float64Array(initialCapacity);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(latencyMs: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count] = latencyMs;
    this.#count += 1;
  }

  /**
   * For each share from 0 to 1 the smallest latency that at least this share of operations did not exceed (nearest rank), in
   * milliseconds; 0 when there were none.
   */
  percentiles(shares: readonly number[]): number[] {
    const sorted = this.#values.subarray(0, this.#count).toSorted();
    return shares.map((share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
  }
}
