import { fileHeaderBytes } from "../format/file-header.ts";
import type { DataFile } from "../log/data-file.ts";
import { HintWriter } from "../log/hint-writer.ts";
import { noteInHint } from "../log/log-file.ts";
import type { Store } from "../store.ts";
import { damagedRecord } from "./context.ts";
import { RecordScan } from "./record-scan.ts";

/** Makes the hint of a sealed file again by reading the file. CORRUPT if the file is damaged. */
export async function rebuildHint(store: Store, file: DataFile): Promise<void> {
  const hint = new HintWriter(store.table, file, store.manifest.storeId);
  const scan = new RecordScan(store.table.handleOf(file), {
    seed: file.seed,
    from: fileHeaderBytes,
    to: file.size,
  });
  file.readsInFlight++;
  try {
    const result = await scan.run((record, offset) => noteInHint(hint, record, offset));
    if (result.stop !== "end") {
      file.damaged = true;
      throw damagedRecord(file, result);
    }
    await hint.finish();
  } catch (error) {
    hint.abandon();
    throw error;
  } finally {
    store.table.readDone(file);
  }
}
