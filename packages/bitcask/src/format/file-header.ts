import { copyBytes } from "./bytes.ts";
import { BitcaskError } from "../errors.ts";
import { checksum } from "./checksum.ts";

/**
 * The 64 bytes every data, hint and export file starts with.
 *
 * A record's checksums are seeded with the checksum of this header. The header holds the store's id, the file's id
 * and a random salt, so a block that belongs to another store, another file, or an earlier file whose blocks the
 * disk handed out again can never validate here.
 */
export const fileHeaderBytes = 64;

/** Version written by this release. A reader refuses a larger major version. */
export const formatMajor = 1;
export const formatMinor = 0;

/** What a file holds. The number is the byte on disk. */
export const fileKinds = { log: 1, merged: 2, hint: 3, export: 4, manifest: 5 } as const;
export type FileKind = keyof typeof fileKinds;
const kindNames: readonly FileKind[] = ["log", "merged", "hint", "export", "manifest"];

export interface FileHeader {
  readonly kind: FileKind;
  /** 16 random bytes made when the store was created. */
  readonly storeId: Uint8Array;
  readonly fileId: number;
  /** 8 random bytes; a hint repeats its data file's salt, which binds the two. */
  readonly salt: Uint8Array;
  /** Wall-clock time of creation, for people; nothing is ordered by it. */
  readonly createdAtMs: number;
}

const magic = [0x54, 0x4b, 0x56, 0x42, 0x43, 0x00, 0x0a, 0x1a]; // "TKVBC" NUL LF SUB: text-mode damage shows
const at = {
  major: 8,
  minor: 10,
  incompatible: 12,
  readOnlyCompatible: 16,
  compatible: 20,
  kind: 24,
  fileId: 28,
  salt: 32,
  createdAtMs: 40,
  storeId: 44,
  crc: 60,
} as const;

export function encodeFileHeader(header: FileHeader): Buffer {
  const bytes = Buffer.alloc(fileHeaderBytes);
  bytes.set(magic, 0);
  bytes.writeUInt16LE(formatMajor, at.major);
  bytes.writeUInt16LE(formatMinor, at.minor);
  bytes.writeUInt8(fileKinds[header.kind], at.kind);
  bytes.writeUInt32LE(header.fileId, at.fileId);
  bytes.set(header.salt, at.salt);
  bytes.writeUInt32LE(Math.floor(header.createdAtMs / 1000) >>> 0, at.createdAtMs);
  bytes.set(header.storeId, at.storeId);
  bytes.writeUInt32LE(checksum(bytes, 0, at.crc, 0), at.crc);
  return bytes;
}

/** The seed of every checksum in the file: the header's own checksum. */
export function seedOf(encodedHeader: Uint8Array): number {
  return new DataView(encodedHeader.buffer, encodedHeader.byteOffset).getUint32(at.crc, true);
}

/**
 * Reads a header back. Throws `NOT_A_STORE` for a foreign file, `CORRUPT` for a damaged one and
 * `UNSUPPORTED_FORMAT` for one that a newer release wrote in a way this one must not touch.
 */
export function decodeFileHeader(
  bytes: Uint8Array,
  options: { file: string; readOnly: boolean },
): FileHeader {
  const { file } = options;
  if (bytes.length < fileHeaderBytes) {
    throw new BitcaskError("CORRUPT", `${file} is shorter than its ${fileHeaderBytes}-byte header`, {
      file,
      offset: 0,
    });
  }
  if (magic.some((byte, index) => bytes[index] !== byte)) {
    throw new BitcaskError("CORRUPT", `${file} does not start with the magic bytes of a bitcask file`, {
      file,
      offset: 0,
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(at.crc, true) !== checksum(bytes, 0, at.crc, 0)) {
    throw new BitcaskError("CORRUPT", `the header of ${file} fails its checksum`, { file, offset: 0 });
  }
  refuseNewerFormat(view, options);
  const kindByte = view.getUint8(at.kind);
  const kind = kindNames.find((name) => fileKinds[name] === kindByte);
  if (kind === undefined) {
    throw new BitcaskError("UNSUPPORTED_FORMAT", `${file} is of unknown kind ${kindByte}`, {
      file,
      offset: at.kind,
    });
  }
  return {
    kind,
    fileId: view.getUint32(at.fileId, true),
    salt: copyBytes(bytes, at.salt, at.salt + 8),
    createdAtMs: view.getUint32(at.createdAtMs, true) * 1000,
    storeId: copyBytes(bytes, at.storeId, at.storeId + 16),
  };
}

/** Unknown compatible flags may be ignored, unknown read-only-compatible ones forbid writing, the rest forbid all. */
function refuseNewerFormat(view: DataView, options: { file: string; readOnly: boolean }): void {
  const { file, readOnly } = options;
  const major = view.getUint16(at.major, true);
  const blocked =
    view.getUint32(at.incompatible, true) || (!readOnly && view.getUint32(at.readOnlyCompatible, true));
  if (major <= formatMajor && !blocked) return;
  throw new BitcaskError(
    "UNSUPPORTED_FORMAT",
    `${file} was written in format ${major}.${view.getUint16(at.minor, true)} with features this release does not know. ` +
      "Open it with a newer release of @titan-kv/bitcask.",
    { file },
  );
}
