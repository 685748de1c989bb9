import type { Bitcask } from "../../src/index.ts";

/** What the golden stores hold: every kind of record and of file. */
export async function fillGolden(db: Bitcask): Promise<void> {
  await db.put("plain", "value");
  await db.put("", "the empty key");
  await db.put("empty", "");
  await db.put(Buffer.from([0, 255, 128]), Buffer.from([1, 2, 3]));
  await db.put("expires", "in the year 4000", { expiresAtMs: 64_060_588_800_000 });
  await db.put("versioned", "seven", { version: 7 });
  await db.put("both", "of them", { version: Number.MAX_SAFE_INTEGER, expiresAtMs: 64_060_588_800_001 });
  await db.put("doomed", "1");
  await db.put("ranged", "1");
  await db.put("large", "x".repeat(3800));
  await db.del("doomed");
  await db.clear({ gte: "r", lt: "s" });
  await db.put("plain", "overwritten");
  await db.merge({ force: true });
  await db.putStream("streamed", [Buffer.from("in "), Buffer.from("pieces")]);
  await db.batch(
    [
      { type: "put", key: "batched", value: "yes" },
      { type: "del", key: "empty" },
    ],
    { meta: Buffer.from([0xca, 0xfe]) },
  );
  await db.put("last", "one");
}

export const goldenEntries: ReadonlyMap<string, string> = new Map([
  ["plain", "overwritten"],
  ["", "the empty key"],
  ["expires", "in the year 4000"],
  ["versioned", "seven"],
  ["both", "of them"],
  ["large", "x".repeat(3800)],
  ["streamed", "in pieces"],
  ["batched", "yes"],
  ["last", "one"],
]);
