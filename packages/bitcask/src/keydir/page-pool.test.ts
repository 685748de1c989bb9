import { describe, expect, it } from "vitest";

import { PAGE_BYTES, PAGE_WORDS, PagePool } from "./page-pool.ts";

const CHUNK_BYTES = 2 * 1024 * 1024;
const PAGES_PER_CHUNK = CHUNK_BYTES / PAGE_BYTES;

/** Takes pages and writes their number into their first and last word. */
function takeMarked(pool: PagePool, count: number): number[] {
  return Array.from({ length: count }, () => {
    const page = pool.take();
    pool.setWordAt(page * PAGE_WORDS, page);
    pool.setWordAt(page * PAGE_WORDS + PAGE_WORDS - 1, page);
    return page;
  });
}

function markOf(pool: PagePool, page: number): number[] {
  return [pool.wordAt(page * PAGE_WORDS), pool.wordAt(page * PAGE_WORDS + PAGE_WORDS - 1)];
}

describe("a page pool", () => {
  it("never gives a page to two takers, and keeps their content while it grows", () => {
    const pool = new PagePool();
    const pages = takeMarked(pool, 3 * PAGES_PER_CHUNK);
    for (const page of pages.filter((_, i) => i % 3 === 0)) pool.release(page);
    const kept = pages.filter((_, i) => i % 3 !== 0);
    const again = takeMarked(pool, PAGES_PER_CHUNK + 10);
    expect(new Set([...kept, ...again]).size).toBe(kept.length + again.length);
    for (const page of [...kept, ...again]) expect(markOf(pool, page)).toEqual([page, page]);
  });

  it("begins small, so that a small store costs little", () => {
    const pool = new PagePool();
    takeMarked(pool, 3);
    expect(pool.heldBytes).toBeLessThan(100_000);
  });

  it("gives released pages out again before it takes memory", () => {
    const pool = new PagePool();
    const pages = takeMarked(pool, 2 * PAGES_PER_CHUNK);
    const before = pool.heldBytes;
    for (let round = 0; round < 5; round++) {
      for (const page of pages) pool.release(page);
      pages.splice(0, pages.length, ...takeMarked(pool, 2 * PAGES_PER_CHUNK));
    }
    expect(pool.heldBytes).toBe(before);
  });

  it("returns chunks without a used page to the system, but for one", () => {
    const pool = new PagePool();
    const pages = takeMarked(pool, 10 * PAGES_PER_CHUNK);
    for (const page of pages) pool.release(page);
    expect(pool.heldBytes).toBeLessThan(CHUNK_BYTES + 100_000);
    const again = takeMarked(pool, 10 * PAGES_PER_CHUNK);
    expect(new Set(again).size).toBe(again.length);
    for (const page of again) expect(markOf(pool, page)).toEqual([page, page]);
  });

  it("copies what continues on further pages at both ends", () => {
    const pool = new PagePool();
    const [source, sourceRest, target, targetRest] = [pool.take(), pool.take(), pool.take(), pool.take()];
    pool.next[source] = sourceRest;
    pool.next[target] = targetRest;
    const from = source * PAGE_WORDS + PAGE_WORDS - 5;
    const to = target * PAGE_WORDS + PAGE_WORDS - 2;
    for (let i = 0; i < 5; i++) pool.setWordAt(from + i, 100 + i);
    for (let i = 0; i < 20; i++) pool.setWordAt(sourceRest * PAGE_WORDS + i, 105 + i);
    pool.copyWords(from, to, 25);
    const copied = [pool.wordAt(to), pool.wordAt(to + 1)];
    for (let i = 0; i < 23; i++) copied.push(pool.wordAt(targetRest * PAGE_WORDS + i));
    expect(copied).toEqual(Array.from({ length: 25 }, (_, i) => 100 + i));
  });
});
