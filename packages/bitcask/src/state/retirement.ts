/**
 * Puts off throwing things away until nobody can see them any more.
 *
 * A snapshot may name any place that was current during its life. So whatever stops being current (a merged file, the
 * chunks of a replaced value) is kept until every snapshot that was live at that moment has been released.
 */
export class Retirement {
  #nextId = 1;
  readonly #live: Set<number> = new Set();
  /** In order of `before`, because ids only grow. */
  #waiting: { readonly before: number; readonly discard: () => void }[] = [];

  /** Snapshots that are held now. */
  get snapshots(): number {
    return this.#live.size;
  }

  /** Things kept only for snapshots. */
  get kept(): number {
    return this.#waiting.length;
  }

  /** Announces a snapshot; call the result once when it is released. */
  hold(): () => void {
    const id = this.#nextId++;
    this.#live.add(id);
    return () => {
      if (this.#live.delete(id)) this.#discardUnseen();
    };
  }

  /** Calls `discard` as soon as no present snapshot is live: at once if there is none. */
  whenUnseen(discard: () => void): void {
    if (this.#live.size === 0) discard();
    else this.#waiting.push({ before: this.#nextId, discard });
  }

  /** For closing: nobody may look any more. */
  discardAll(): void {
    this.#live.clear();
    this.#discardUnseen();
  }

  #discardUnseen(): void {
    let oldestLive = Number.POSITIVE_INFINITY;
    for (const id of this.#live) oldestLive = Math.min(oldestLive, id);
    while (this.#waiting.length > 0 && this.#waiting[0]!.before <= oldestLive)
      this.#waiting.shift()!.discard();
  }
}
