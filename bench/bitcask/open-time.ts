import fs from "node:fs";
import path from "node:path";
import { Bitcask } from "@titan-kv/bitcask";
import { keyOf, makeScratch } from "./workloads.ts";

/** How long a store of so many keys takes to open, with and without hints, and what its index costs. */
export async function measureOpen(
  keys: number,
  keydir: "full" | "fingerprint",
): Promise<(string | number)[][]> {
  const directory = makeScratch();
  const store = path.join(directory, "store");
  const options = { durability: "none", keydir, merge: { auto: false } } as const;
  const db = await Bitcask.open(store, options);
  const value = Buffer.alloc(20, "v");
  for (let index = 0; index < keys; index++) {
    const done = db.put(keyOf(index), value);
    // oxlint-disable-next-line eslint/no-await-in-loop -- bounds what is in flight
    if (index % 1000 === 999) await done;
  }
  await db.close();
  const { seconds: withHints, bytesPerKey } = await timeOpen(store, options, keys);
  for (const name of fs.readdirSync(store)) if (name.endsWith(".hint")) fs.unlinkSync(path.join(store, name));
  const { seconds: withoutHints } = await timeOpen(store, options, keys);
  fs.rmSync(directory, { recursive: true });
  return [[keydir, keys, withHints, withoutHints, bytesPerKey, keydir === "full" ? 16 : 0]];
}

async function timeOpen(
  store: string,
  options: { readonly keydir: "full" | "fingerprint"; readonly merge: { readonly auto: false } },
  keys: number,
): Promise<{ seconds: number; bytesPerKey: number }> {
  globalThis.gc?.();
  const start = performance.now();
  const db = await Bitcask.open(store, options);
  const seconds = (performance.now() - start) / 1000;
  if (db.size !== keys) throw new Error(`found ${db.size} keys instead of ${keys}`);
  const keyBytes = options.keydir === "full" ? 16 : 0;
  const bytesPerKey = db.stats().keydirBytes / keys - keyBytes;
  await db.close();
  return { seconds, bytesPerKey };
}
