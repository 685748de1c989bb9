/**
 * Numbers that hot paths bump. A metrics library looks a series up by its labels each time it is touched, which costs
 * more than some of the work that is measured here; so whoever measures holds the cell of its series, and the library
 * sees the cells only when somebody asks for the metrics.
 */

/** A number that only grows. */
export class CounterCell {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }
}

/** A number that goes up and down. */
export class GaugeCell {
  value = 0;

  set(value: number): void {
    this.value = value;
  }

  add(amount = 1): void {
    this.value += amount;
  }
}

/** How often values fell into which range. */
export class HistogramCell {
  /** Upper bounds, ascending, shared by all cells of a metric. */
  readonly bounds: readonly number[];
  /** Values at or below the bound of the same position and above the one before; the last is for all above. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds } = this;
    // Linear: the bounds are few, and most values are near the beginning.
    let position = 0;
    while (position < bounds.length && value > bounds[position]!) position += 1;
    this.counts[position]! += 1;
    this.sum += value;
  }
}

/** Most series a metric may have; what comes after them is counted in one series whose labels are all `other`. */
export const maxSeriesPerMetric = 10_000;
const otherLabel = "other";

/** The series of a metric, by the values of its labels. */
export class CellFamily<Cell> {
  readonly labelNames: readonly string[];
  readonly #create: () => Cell;
  readonly #cells = new Map<string, { readonly labels: readonly string[]; readonly cell: Cell }>();

  constructor(labelNames: readonly string[], create: () => Cell) {
    this.labelNames = labelNames;
    this.#create = create;
  }

  /** The cell of a series. Keep it: this is not for the hot path. */
  with(...labels: readonly string[]): Cell {
    if (labels.length !== this.labelNames.length) {
      throw new TypeError(`expected the labels ${this.labelNames.join(", ")}, got ${labels.length} values`);
    }
    const key = labels.join("\0");
    const known = this.#cells.get(key);
    if (known !== undefined) return known.cell;
    if (this.#cells.size >= maxSeriesPerMetric && !labels.every((label) => label === otherLabel)) {
      return this.with(...labels.map(() => otherLabel));
    }
    const cell = this.#create();
    this.#cells.set(key, { labels, cell });
    return cell;
  }

  /** Forgets every series: for metrics that are filled anew each time they are asked for. */
  clear(): void {
    this.#cells.clear();
  }

  /** The series that exist. */
  *series(): Iterable<{ readonly labels: Readonly<Record<string, string>>; readonly cell: Cell }> {
    for (const { labels, cell } of this.#cells.values()) {
      const named = Object.fromEntries(this.labelNames.map((name, index) => [name, labels[index] ?? ""]));
      yield { labels: named, cell };
    }
  }
}
