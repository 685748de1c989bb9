/** Operations of one call that are under way at once: a call with a million of them must not push all others aside. */
export const maxOperationsOfCall = 512;

/** Runs `run` for each item, `limit` at a time, and returns the results in the order of the items. `run` must not reject. */
export function runWindowed<Item, Result>(
  items: readonly Item[],
  limit: number,
  run: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  if (items.length <= limit) return Promise.all(items.map(run));
  return new Promise((resolve) => {
    const results: Result[] = Array.from({ length: items.length });
    let next = 0;
    let finished = 0;
    const runNext = (): void => {
      const index = next;
      if (index === items.length) return;
      next += 1;
      void run(items[index]!).then((result) => {
        results[index] = result;
        finished += 1;
        if (finished === items.length) resolve(results);
        else runNext();
      });
    };
    for (let started = 0; started < limit; started += 1) runNext();
  });
}
