/**
 * A process that writes until it is killed: `node killed-writer.ts <directory> <first number>`. Every acknowledged write is
 * reported on standard output before the next one is made, so that whoever kills it knows what must have survived.
 */
import fs from "node:fs";
import { Bitcask } from "../../src/index.ts";

const [directory = "", first = "0"] = process.argv.slice(2);
const db = await Bitcask.open(directory, { maxFileBytes: 64 * 1024, merge: { auto: false } });
let next = Number(first);
fs.writeSync(1, "ready\n");

/** Numbers are given out once; a key's numbers only grow, because each writer has keys of its own. */
async function write(writer: number): Promise<void> {
  for (;;) {
    const number = next++;
    const key = `key-${writer}-${number % 7}`;
    const value = `${number}:`.padEnd(20 + (number % 700), "v");
    if (number % 11 === 0) {
      // oxlint-disable-next-line eslint/no-await-in-loop -- one write after the other
      await db.batch(
        [
          { type: "put", key, value },
          { type: "put", key: `${key}-twin`, value },
        ],
        { meta: Buffer.from(String(number)) },
      );
      fs.writeSync(1, `twin ${key} ${number}\n`);
    } else {
      // oxlint-disable-next-line eslint/no-await-in-loop
      await db.put(key, value);
      fs.writeSync(1, `put ${key} ${number}\n`);
    }
  }
}

async function mergeForEver(): Promise<void> {
  for (;;) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- one merge after the other
    await db.merge({ force: true });
    // oxlint-disable-next-line eslint/no-await-in-loop
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

await Promise.all([mergeForEver(), ...Array.from({ length: 8 }, (_, writer) => write(writer))]);
