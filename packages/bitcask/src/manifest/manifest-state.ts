import type { ManifestOperation } from "../format/manifest-edit.ts";

/** What the manifest knows of one data file. */
export interface ManifestFile {
  readonly fileId: number;
  readonly kind: "log" | "merged";
  readonly salt: Uint8Array;
  /** Present once the file is complete and durable. */
  readonly sealed: SealedExtent | undefined;
  /** Where its records end, once the log has gone on in another file. */
  readonly end: number | undefined;
}

export interface SealedExtent {
  readonly size: number;
  readonly minSeq: number;
  readonly maxSeq: number;
  readonly records: number;
}

/** The sum of all edits: which files make up the store. */
export class ManifestState {
  readonly files: Map<number, ManifestFile> = new Map();
  nextFileId = 1;
  /** Highest sequence number any sealed file has ever held. */
  lastSeq = 0;
  meta: { readonly seq: number; readonly bytes: Uint8Array } | undefined = undefined;

  apply(operation: ManifestOperation): void {
    switch (operation.op) {
      case "add": {
        const { fileId, kind, salt } = operation;
        this.files.set(fileId, { fileId, kind, salt, sealed: undefined, end: undefined });
        this.nextFileId = Math.max(this.nextFileId, fileId + 1);
        break;
      }
      case "seal": {
        const file = this.files.get(operation.fileId);
        const { size, minSeq, maxSeq, records } = operation;
        if (file) this.files.set(file.fileId, { ...file, sealed: { size, minSeq, maxSeq, records } });
        this.lastSeq = Math.max(this.lastSeq, maxSeq);
        break;
      }
      case "end": {
        const file = this.files.get(operation.fileId);
        if (file) this.files.set(file.fileId, { ...file, end: operation.size });
        break;
      }
      case "remove":
        this.files.delete(operation.fileId);
        break;
      case "nextFileId":
        this.nextFileId = Math.max(this.nextFileId, operation.fileId);
        break;
      case "lastSeq":
        this.lastSeq = Math.max(this.lastSeq, operation.seq);
        break;
      case "meta":
        if (this.meta === undefined || operation.seq >= this.meta.seq) {
          this.meta = { seq: operation.seq, bytes: operation.meta };
        }
        break;
    }
  }

  /** Operations that rebuild this state from nothing: the first frame of a rewritten manifest. */
  toOperations(): ManifestOperation[] {
    const operations: ManifestOperation[] = [
      { op: "nextFileId", fileId: this.nextFileId },
      { op: "lastSeq", seq: this.lastSeq },
    ];
    if (this.meta) operations.push({ op: "meta", seq: this.meta.seq, meta: this.meta.bytes });
    for (const { fileId, kind, salt, sealed, end } of this.files.values()) {
      operations.push({ op: "add", fileId, kind, salt });
      if (end !== undefined) operations.push({ op: "end", fileId, size: end });
      if (sealed) operations.push({ op: "seal", fileId, ...sealed });
    }
    return operations;
  }
}
