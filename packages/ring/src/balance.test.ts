import { describe, expect, it } from "vitest";
import { HashRing } from "./hash-ring.ts";
import { SLOT_COUNT, slotOf } from "./slot.ts";

/**
 * Balance is a statement about chance, so every test here takes fixed inputs (nothing is drawn) and a bound several
 * standard deviations away from what a perfect hash would give.
 */

/** How many standard deviations the chi-square statistic of the counts lies from its mean, were they uniform. */
function chiSquareDeviation(counts: ArrayLike<number>, samples: number): number {
  const expected = samples / counts.length;
  const statistic = Array.from(counts).reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const degrees = counts.length - 1;
  return (statistic - degrees) / Math.sqrt(2 * degrees);
}

const families: Record<string, (index: number) => string> = {
  "numbered keys": (index) => `user:${index}`,
  "padded numbers": (index) => String(index).padStart(12, "0"),
  "numbers alone": String,
  "long common prefix": (index) => `tenant/eu-west-1/production/session/${index}`,
  "long common suffix": (index) => `${index}/tenant/eu-west-1/production/session`,
  "hexadecimal ids": (index) => Math.imul(index, 0x9e3779b1).toString(16),
  Cyrillic: (index) => `ключ:${index}`,
  "labels of points": (index) => `node-${index % 100}#${Math.floor(index / 100)}`,
};

describe.each(Object.entries(families))("%s", (_, keyOf) => {
  const samples = 2 ** 18;

  it("fall on slots as by chance", () => {
    const counts = new Uint32Array(SLOT_COUNT);
    for (let index = 0; index < samples; index++) {
      const slot = slotOf(keyOf(index));
      counts[slot] = counts.at(slot)! + 1;
    }
    expect(Math.abs(chiSquareDeviation(counts, samples))).toBeLessThan(5);
  });

  it("fall on members by their shares of the ring", () => {
    const ring = new HashRing(["a", "b", "c", "d", "e"]);
    const counts = new Map<string, number>();
    for (let index = 0; index < samples; index++) {
      const id = ring.getNode(keyOf(index));
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    for (const [id, share] of ring.ownership()) {
      const deviation = Math.sqrt(samples * share * (1 - share));
      expect(Math.abs(counts.get(id)! - samples * share)).toBeLessThan(5 * deviation);
    }
  });
});

describe("shares of members", () => {
  const nameFamilies: Record<string, (ring: number, member: number) => string> = {
    numbered: (ring, member) => `cluster-${ring}-node-${member}`,
    addresses: (ring, member) => `10.0.${ring}.${member}:4100`,
    "one letter apart": (ring, member) =>
      `${"x".repeat(ring % 7)}${String.fromCodePoint(97 + member)}${ring}`,
  };

  it.each(Object.entries(nameFamilies))(
    "scatter as much as 150 points at random do (%s names)",
    (_, nameOf) => {
      // An arc is close to exponential, so a share of v arcs has a relative standard deviation close to 1/√v: 0.0816.
      const ringCount = 200;
      let squares = 0;
      let worst = 0;
      for (let index = 0; index < ringCount; index++) {
        const ring = new HashRing(Array.from({ length: 10 }, (__, member) => nameOf(index, member)));
        for (const share of ring.ownership().values()) {
          squares += (share * 10 - 1) ** 2;
          worst = Math.max(worst, share * 10);
        }
      }
      const deviation = Math.sqrt(squares / (ringCount * 10));
      expect(deviation).toBeGreaterThan(0.07);
      expect(deviation).toBeLessThan(0.085);
      expect(worst).toBeLessThan(1.4);
    },
  );

  it("halve their scatter with four times the virtual nodes", () => {
    const ids = Array.from({ length: 50 }, (_, index) => `node-${index}`);
    const scatter = (virtualNodes: number): number => {
      const shares = [...new HashRing(ids, { virtualNodes }).ownership().values()];
      return Math.sqrt(shares.reduce((sum, share) => sum + (share * 50 - 1) ** 2, 0) / 50);
    };
    expect(scatter(600) / scatter(150)).toBeGreaterThan(0.35);
    expect(scatter(600) / scatter(150)).toBeLessThan(0.65);
  });

  it.each([0.5, 2, 3])("follow a weight of %d", (weight) => {
    let heavy = 0;
    let light = 0;
    for (let index = 0; index < 40; index++) {
      const ring = new HashRing([
        { id: `heavy-${index}`, weight },
        ...Array.from({ length: 9 }, (_, n) => `${index}/${n}`),
      ]);
      const shares = ring.ownership();
      heavy += shares.get(`heavy-${index}`)!;
      light += (1 - shares.get(`heavy-${index}`)!) / 9;
    }
    expect(heavy / light).toBeGreaterThan(weight * 0.93);
    expect(heavy / light).toBeLessThan(weight * 1.07);
  });
});

describe("movement", () => {
  it.each([3, 5, 10, 20, 50])(
    "adding one to %i members moves about one key in one more than that",
    (size) => {
      const ring = new HashRing(Array.from({ length: size }, (_, index) => `node-${index}`));
      const grown = ring.add(`node-${size}`);
      const keys = Array.from({ length: 20_000 }, (_, index) => `user:${index}`);
      const moved = keys.filter((key) => ring.getNode(key) !== grown.getNode(key));
      expect(moved.every((key) => grown.getNode(key) === `node-${size}`)).toBe(true);
      const ideal = 1 / (size + 1);
      expect(moved.length / keys.length).toBeGreaterThan(ideal * 0.75);
      expect(moved.length / keys.length).toBeLessThan(ideal * 1.25);
    },
  );
});
