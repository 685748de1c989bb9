/** Writes, and says what the store said: for runs in which the kernel refuses some calls. */
import fs from "node:fs";
import { Bitcask, BitcaskError } from "../../src/index.ts";

const [directory = ""] = process.argv.slice(2);
const db = await Bitcask.open(directory, { preallocate: false, merge: { auto: false } });
const say = (line: string): number => fs.writeSync(1, `${line}\n`);
const acknowledged: string[] = [];
let last = "";

for (let index = 0; index < 60; index++) {
  const key = `key-${index}`;
  try {
    // oxlint-disable-next-line eslint/no-await-in-loop -- one write after the other
    await db.put(key, `value of ${key}`);
    acknowledged.push(key);
    say(`put ${key}`);
  } catch (error) {
    if (!(error instanceof BitcaskError)) throw error;
    say(`failed ${error.code} ${error.outcome} ${key}`);
    if (last === "") last = resume();
  }
}

function resume(): string {
  try {
    db.resume();
    return "ok";
  } catch (error) {
    return error instanceof BitcaskError ? error.code : "other";
  }
}

const readable = acknowledged.filter((key) => db.getSync(key)?.toString() === `value of ${key}`);
say(`read ${readable.length} resumed ${last}`);
process.exit(readable.length === acknowledged.length ? 0 : 1);
