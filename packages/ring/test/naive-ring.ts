import { type HashRing, hashKey } from "@titan-kv/ring";

/** A point as the README specifies it, in an array of objects. */
interface NaivePoint {
  readonly position: number;
  readonly id: string;
}

/**
 * The ring written a second time from its specification, with no index, no ranks and no cleverness: the model that the
 * real one is compared with.
 */
export class NaiveRing {
  readonly #points: readonly NaivePoint[];
  readonly #zones: ReadonlyMap<string, string>;

  constructor(ring: HashRing) {
    const points: NaivePoint[] = [];
    for (const { id, weight } of ring.members) {
      const count = Math.max(1, Math.round(ring.virtualNodes * weight));
      for (let index = 0; index < count; index++) points.push({ position: hashKey(`${id}#${index}`), id });
    }
    this.#points = points.toSorted(
      (left, right) =>
        left.position - right.position || Buffer.compare(Buffer.from(left.id), Buffer.from(right.id)),
    );
    this.#zones = new Map(
      ring.members.map(({ id, zone }) => [id, zone === undefined ? `own ${id}` : `zone ${zone}`]),
    );
  }

  ownerAt(position: number): string {
    return (this.#points.find((point) => point.position >= position) ?? this.#points.at(0))!.id;
  }

  walkFrom(position: number): string[] {
    const ahead = this.#points.filter((point) => point.position >= position);
    const behind = this.#points.filter((point) => point.position < position);
    return [...new Set([...ahead, ...behind].map((point) => point.id))];
  }

  replicasAt(position: number, count: number): string[] {
    const waiting = this.walkFrom(position);
    const chosen: string[] = [];
    while (waiting.length > 0) {
      const zonesOfRound = new Set<string>();
      for (const id of waiting.slice()) {
        const zone = this.#zones.get(id)!;
        if (zonesOfRound.has(zone)) continue;
        zonesOfRound.add(zone);
        chosen.push(id);
        waiting.splice(waiting.indexOf(id), 1);
      }
    }
    return chosen.slice(0, count);
  }
}
