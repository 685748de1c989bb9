/**
 * One ordered sequence out of the shards' pages. Each shard is asked for its next page when its present one is used up;
 * what is sent is never more than one page of each shard in memory.
 */
import type { ScannedEntry, ShardPage, ShardScanRequest } from "./shard-scan.ts";

/** Reads a page of a shard, wherever its replicas are. */
export type ReadPage = (shard: number, request: ShardScanRequest) => Promise<ShardPage>;

/** An entry with the shard it comes from. */
export interface MergedEntry extends ScannedEntry {
  readonly shard: number;
}

interface Source {
  readonly shard: number;
  page: ShardPage;
  next: number;
}

function headOf(source: Source): ScannedEntry | undefined {
  return source.page.entries[source.next];
}

/** The smallest key greater than `key`. */
function successor(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, Uint8Array.of(0)]);
}

/**
 * Yields the entries of all shards in order. `onPage` hears of each page's origin.
 * @throws what `readPage` throws.
 */
export async function* mergeShards(
  shards: readonly number[],
  request: ShardScanRequest,
  fields: { readonly readPage: ReadPage; readonly onPage: (page: ShardPage) => void },
): AsyncGenerator<MergedEntry> {
  const read = async (shard: number, range: ShardScanRequest): Promise<ShardPage> => {
    const page = await fields.readPage(shard, range);
    fields.onPage(page);
    return page;
  };
  const sources = await Promise.all(
    shards.map(async (shard): Promise<Source> => ({ shard, page: await read(shard, request), next: 0 })),
  );
  for (;;) {
    const source = first(sources, request.reverse);
    if (source === undefined) return;
    const entry = headOf(source)!;
    yield { ...entry, shard: source.shard };
    source.next += 1;
    if (source.next < source.page.entries.length || !source.page.more) continue;
    const rest = request.reverse
      ? { ...request, end: entry.key }
      : { ...request, start: successor(entry.key) };
    // oxlint-disable-next-line no-await-in-loop -- the order is not known before the page is there
    source.page = await read(source.shard, rest);
    source.next = 0;
  }
}

function first(sources: readonly Source[], reverse: boolean): Source | undefined {
  let best: Source | undefined;
  for (const source of sources) {
    const head = headOf(source);
    if (head === undefined) continue;
    const order = best === undefined ? -1 : Buffer.compare(head.key, headOf(best)!.key);
    if (best === undefined || (reverse ? order > 0 : order < 0)) best = source;
  }
  return best;
}
