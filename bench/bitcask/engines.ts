import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Bitcask } from "@titan-kv/bitcask";
import { ClassicLevel } from "classic-level";
import { open as openLmdb } from "lmdb";

/** What every store is asked to do, as fast as its own API allows. */
export interface Engine {
  readonly name: string;
  /** Resolves when the write is as durable as the engine was opened for. */
  put(key: string, value: Uint8Array): Promise<unknown> | void;
  getSync(key: string): Uint8Array | undefined;
  /** Resolves when all unsynced writes are with the operating system. */
  settle(): Promise<unknown>;
  close(): Promise<unknown> | void;
}

export type EngineName = "bitcask" | "lmdb" | "lmdb getBinaryFast" | "classic-level" | "node:sqlite";

/** `isDurable`: every acknowledged write survives power loss. Otherwise: nothing is synced by anybody. */
export async function openEngine(name: EngineName, directory: string, isDurable: boolean): Promise<Engine> {
  fs.mkdirSync(directory, { recursive: true });
  switch (name) {
    case "bitcask": {
      const db = await Bitcask.open(path.join(directory, "store"), {
        durability: isDurable ? "always" : "none",
        merge: { auto: false },
      });
      return {
        name,
        put: (key, value) => db.put(key, value),
        getSync: (key) => db.getSync(key),
        settle: () => (isDurable ? db.flush() : db.get("settled")),
        close: () => db.close(),
      };
    }
    case "lmdb":
    case "lmdb getBinaryFast": {
      // Without overlappingSync a commit is acknowledged after its sync, which is what durable means here.
      const db = openLmdb<Uint8Array, string>({
        path: path.join(directory, "store"),
        encoding: "binary",
        overlappingSync: false,
        noSync: !isDurable,
        mapSize: 16 * 2 ** 30,
      });
      return {
        name,
        put: (key, value) => db.put(key, value),
        getSync: (key) => (name === "lmdb" ? db.getBinary(key) : db.getBinaryFast(key)),
        settle: () => db.committed,
        close: () => db.close(),
      };
    }
    case "classic-level": {
      const db = new ClassicLevel<string, Uint8Array>(path.join(directory, "store"), {
        valueEncoding: "view",
        compression: false,
      });
      await db.open();
      return {
        name,
        put: (key, value) => db.put(key, value, { sync: isDurable }),
        getSync: (key) => db.getSync(key),
        settle: () => db.get("settled"),
        close: () => db.close(),
      };
    }
    case "node:sqlite": {
      const db = new DatabaseSync(path.join(directory, "store.db"));
      db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${isDurable ? "FULL" : "OFF"};
        CREATE TABLE kv (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;`);
      const put = db.prepare("INSERT INTO kv VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value");
      const get = db.prepare("SELECT value FROM kv WHERE key = ?");
      return {
        name,
        put(key, value) {
          put.run(key, value);
        },
        getSync(key) {
          const value = get.get(key)?.["value"];
          return value instanceof Uint8Array ? value : undefined;
        },
        settle: () => Promise.resolve(),
        close: () => db.close(),
      };
    }
    default:
      return name satisfies never;
  }
}
