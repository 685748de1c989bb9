/**
 * Latencies in buckets whose width grows with them, so that millions fit into a few kilobytes and every percentile is right to
 * about three percent.
 */

/** Buckets per doubling. */
const subBuckets = 32;
const subBucketBits = 5;
/** Longest latency that is told apart, about 19 hours in microseconds. */
const doublings = 36;

/** What is known of many latencies, in milliseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly meanMs: number;
  readonly minMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

function bucketOf(micros: number): number {
  if (micros < subBuckets) return micros;
  const exponent = Math.floor(Math.log2(micros)) - subBucketBits;
  const within = Math.floor(micros / 2 ** exponent) - subBuckets;
  return Math.min((exponent + 1) * subBuckets + within, doublings * subBuckets - 1);
}

/** Highest latency of a bucket, in microseconds. */
function upperMicros(bucket: number): number {
  if (bucket < subBuckets) return bucket;
  const exponent = Math.floor(bucket / subBuckets) - 1;
  return (subBuckets + (bucket % subBuckets) + 1) * 2 ** exponent - 1;
}

export class LatencyHistogram {
  readonly #counts = new Uint32Array(doublings * subBuckets);
  #count = 0;
  #sumMs = 0;
  #minMs = Number.POSITIVE_INFINITY;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  add(latencyMs: number): void {
    this.#counts[bucketOf(Math.max(0, Math.round(latencyMs * 1000)))]! += 1;
    this.#count += 1;
    this.#sumMs += latencyMs;
    this.#minMs = Math.min(this.#minMs, latencyMs);
    this.#maxMs = Math.max(this.#maxMs, latencyMs);
  }

  /** The latency that a share of the operations, 0 to 1, did not exceed. */
  quantileMs(share: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return Math.min(upperMicros(bucket) / 1000, this.#maxMs);
    }
    return this.#maxMs;
  }

  summary(): LatencySummary {
    return {
      count: this.#count,
      meanMs: this.#count === 0 ? 0 : this.#sumMs / this.#count,
      minMs: this.#count === 0 ? 0 : this.#minMs,
      p50Ms: this.quantileMs(0.5),
      p90Ms: this.quantileMs(0.9),
      p95Ms: this.quantileMs(0.95),
      p99Ms: this.quantileMs(0.99),
      p999Ms: this.quantileMs(0.999),
      maxMs: this.#maxMs,
    };
  }

  /** Counts per doubling of the latency, from the first to the last that is not empty: `[upTo, count]`. */
  doublings(): { readonly upToMs: number; readonly count: number }[] {
    const rows = Array.from({ length: doublings }, (_row, index) => ({
      upToMs: (upperMicros(index * subBuckets + subBuckets - 1) + 1) / 1000,
      count: this.#counts
        .subarray(index * subBuckets, (index + 1) * subBuckets)
        .reduce((sum, count) => sum + count, 0),
    }));
    const first = rows.findIndex(({ count }) => count > 0);
    const last = rows.findLastIndex(({ count }) => count > 0);
    return first < 0 ? [] : rows.slice(first, last + 1);
  }
}
