/**
 * Made the files under golden/. They are never made again: every later release must be able to read what this one wrote. A
 * new format version gets a directory of its own.
 */
import fs from "node:fs";
import path from "node:path";
import { Bitcask } from "../src/index.ts";
import { fillGolden } from "./support/golden-content.ts";

const [target = ""] = process.argv.slice(2);
const open = path.join(target, "open");
const db = await Bitcask.open(open, { merge: { auto: false }, maxFileBytes: 4096, preallocate: false });
await fillGolden(db);
// What a killed process leaves behind: the log's end not sealed, without hint.
fs.cpSync(open, path.join(target, "crashed"), { recursive: true });
await db.close();
fs.renameSync(open, path.join(target, "closed"));
for (const name of ["crashed", "closed"]) fs.rmSync(path.join(target, name, "LOCK"));
