/**
 * Every size that bounds something, in one place. The format's limits can never grow without a new format version;
 * the others are defaults and caps that keep one caller from exhausting the process.
 */

/** Longest key the record header can describe: its length field is 16 bits. */
export const maxKeyBytes = 65_535;

/** Largest value of one record. Longer ones belong in a stream, which is cut into chunks. */
export const maxValueBytes: number = 256 * 1024 * 1024;

/** A streamed value up to this size can also be read as one buffer. */
export const maxWholeValueBytes: number = 1024 * 1024 * 1024;

/** Largest blob of commit metadata that a batch may carry. */
export const maxMetaBytes = 1024;

/** Most operations in one atomic batch. */
export const maxBatchOperations = 1_000_000;

/** Most bytes of one atomic batch once encoded; a batch is written by one call and must fit in one file. */
export const maxBatchBytes: number = 512 * 1024 * 1024;

/** Encoded writes that may wait for an earlier group's sync before `put` answers BUSY. */
export const maxPendingBytes: number = 64 * 1024 * 1024;

/** A group of unsynced writes is handed to the system when it reaches this size, even in the middle of a turn. */
export const groupTargetBytes: number = 256 * 1024;

/** Buffers of this size are kept for reuse; larger ones, made for a large record, are left to the collector. */
export const writeBufferBytes: number = 1024 * 1024;

/** How many write buffers are kept. Two suffice in steady state: one on its way to the disk, one filling. */
export const pooledWriteBuffers = 4;

/** Size at which the log continues in a new file, unless the options say otherwise. */
export const defaultMaxFileBytes: number = 256 * 1024 * 1024;

/** Offsets are stored in 40 bits in the keydir. */
export const maxFileBytesCap: number = 2 ** 39;

/** Smallest file size accepted: below it the headers would dominate. */
export const minFileBytesFloor = 4096;

/** Zeros written ahead of the log's end, see "Preallocation" in DESIGN.md. More at once would hold the event loop up. */
export const preallocateBytes: number = 1024 * 1024;

/** The first time; from then on as many as the file already has bytes. */
export const firstPreallocateBytes: number = 64 * 1024;

/** A durable group at most this large is worth preallocating for; larger ones would only write twice. */
export const preallocateGroupBytes: number = 256 * 1024;

/** Unsynced bytes after which the log starts a background sync, so that no later sync is long. */
export const backgroundSyncBytes: number = 32 * 1024 * 1024;

/** Data read from a file at a time by scans and merges. */
export const scanChunkBytes: number = 1024 * 1024;

/** Hint entries are checked and written in blocks of about this size. */
export const hintBlockBytes: number = 64 * 1024;

/** The manifest is rewritten when its edits have grown past this. */
export const maxManifestBytes: number = 1024 * 1024;

/** Copies of cut tails that are kept; the oldest are removed. */
export const maxQuarantineFiles = 16;

/** Bytes of one cut tail that are kept. */
export const maxQuarantineBytes: number = 64 * 1024 * 1024;

/** File descriptors that sealed files may hold open, unless the options say otherwise. */
export const defaultMaxOpenFiles = 256;

/** Bytes a second that merges read and write unless the options say otherwise: syncs beside them stay about as fast as alone. */
export const defaultMergeBytesPerSecond: number = 64 * 1024 * 1024;

/** Largest piece of a streamed value stored as one record. */
export const blobChunkBytes: number = 256 * 1024;

/** Sequence numbers are 48 bits: at ten million writes a second they last most of a year; at 100,000, 89 years. */
export const maxSeq: number = 2 ** 48 - 1;

/** Tombstones one merge examines for dropping against the other files; the rest wait for a later merge. */
export const maxTombstonesExamined = 4_000_000;

/** Iterators hand the event loop a turn after this many entries. */
export const iterationYieldEntries = 1024;
