import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { Bitcask } from "../src/index.ts";

it(
  "a read-only open beside a busy writer always succeeds and always sees whole batches",
  { timeout: 60_000 },
  async () => {
    const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "bitcask-readers-"));
    const store = path.join(scratch, "store");
    const writer = await Bitcask.open(store, {
      maxFileBytes: 32 * 1024,
      durability: "none",
      merge: { auto: false },
    });
    const over = new AbortController();
    let round = 0;
    const writing = (async () => {
      while (!over.signal.aborted) {
        const value = `${round++}`.padEnd(200, "x");
        writer.batchSync(
          [
            { type: "put", key: "left", value },
            { type: "put", key: "right", value },
          ],
          { meta: Buffer.from(value) },
        );
        await writer.put(`noise-${round % 50}`, value);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    const merging = (async () => {
      while (!over.signal.aborted) {
        await writer.merge({ force: true });
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    let last = -1;
    for (let reader = 0; reader < 25; reader++) {
      const db = await Bitcask.open(store, { readOnly: true });
      const [left, right] = [db.getSync("left")?.toString(), db.getSync("right")?.toString()];
      expect(left).toBe(right);
      expect(Buffer.from(db.lastMeta() ?? []).toString()).toBe(left ?? "");
      expect(Number.parseInt(left ?? "-1", 10)).toBeGreaterThanOrEqual(last);
      last = Number.parseInt(left ?? "-1", 10);
      await db.close();
    }
    over.abort();
    await Promise.all([writing, merging]);
    expect(last).toBeGreaterThan(0);
    await writer.close();
    fs.rmSync(scratch, { recursive: true });
  },
);
