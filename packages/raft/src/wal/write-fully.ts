import type { LogFile } from "./file-system.ts";

/** Writes all of `bytes` durably, in as many calls as the file system needs. */
export async function writeFully(file: LogFile, bytes: Uint8Array, position: number): Promise<void> {
  let done = await file.writeDurably(bytes, position);
  while (done < bytes.length) {
    const count = await file.writeDurably(bytes.subarray(done), position + done);
    // Without progress this would spin for ever; there is no error to report but the missing progress itself.
    if (count <= 0) throw new Error(`the file system wrote ${done} of ${bytes.length} bytes and stopped`);
    done += count;
  }
}
