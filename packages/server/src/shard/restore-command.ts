/**
 * The commands that bring a snapshot into a shard, through its log like every other change.
 *
 *     Restore := step:u8 number:u48le body        number: which restore of the cluster's life it is
 *     Begin   := finished:u48le                   the last restore that was finished
 *     Clear   := (empty)
 *     Load    := position:u48le record*           the how-manieth Load of this restore, from 0
 *     Seal    := loads:u48le keys:u48le revision:u48le forgottenThroughMs:u48le
 *     Open    := (empty)
 *     Cancel  := (empty)
 *     record  := key length:varint value length:varint revision:varint expiresAtMs:varint key value
 *
 * Records are written as they stand in a snapshot file.
 */
import { WireReader } from "@titan-kv/proto/pipeline";
import { commandHeaderBytes, CommandError, CommandKind, readU48, writeHeader, writeU48 } from "./command.ts";

export const RestoreStep = {
  /** Closes the shard, if it is empty or an unfinished restore may be begun again. */
  Begin: 1,
  /** Takes away a part of what an unfinished restore wrote. */
  Clear: 2,
  /** Writes records. */
  Load: 3,
  /** Everything has been written. */
  Seal: 4,
  /** Serves what was written. */
  Open: 5,
  /** Opens a shard into which nothing was written. */
  Cancel: 6,
} as const;
export type RestoreStep = (typeof RestoreStep)[keyof typeof RestoreStep];

/** What Seal expects to find, and what the shard goes on with. */
export interface SealFields {
  /** Loads that were applied. */
  readonly loads: number;
  /** Records that they held. */
  readonly keys: number;
  /** Changes from now on have a higher revision. */
  readonly revision: number;
  /** Sessions opened at or before this date, in milliseconds since 1970, are refused. */
  readonly forgottenThroughMs: number;
}

export type RestoreCommand =
  | { readonly step: 1; readonly number: number; readonly finished: number }
  | { readonly step: 2 | 5 | 6; readonly number: number }
  | { readonly step: 3; readonly number: number; readonly position: number; readonly records: Uint8Array }
  | ({ readonly step: 4; readonly number: number } & SealFields);

/** A record of a snapshot. Key and value point into the bytes that it was read from. */
export interface SnapshotRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** The revision of the key's last change; at least 1. */
  readonly revision: number;
  /** Milliseconds since 1970; 0 means never. */
  readonly expiresAtMs: number;
}

const numberBytes = 6;
const bodyStart = commandHeaderBytes + 1 + numberBytes;

function encode(timeMs: number, step: RestoreStep, number: number, fields: readonly number[]): Uint8Array {
  const data = new Uint8Array(bodyStart + fields.length * numberBytes);
  writeHeader(data, CommandKind.Restore, timeMs);
  data[commandHeaderBytes] = step;
  writeU48(data, commandHeaderBytes + 1, number);
  fields.forEach((field, index) => writeU48(data, bodyStart + index * numberBytes, field));
  return data;
}

export function encodeRestore(timeMs: number, command: RestoreCommand): Uint8Array {
  const { step, number } = command;
  switch (command.step) {
    case RestoreStep.Begin:
      return encode(timeMs, step, number, [command.finished]);
    case RestoreStep.Load:
      return Buffer.concat([encode(timeMs, step, number, [command.position]), command.records]);
    case RestoreStep.Seal: {
      const { loads, keys, revision, forgottenThroughMs } = command;
      return encode(timeMs, step, number, [loads, keys, revision, forgottenThroughMs]);
    }
    case RestoreStep.Clear:
    case RestoreStep.Open:
    case RestoreStep.Cancel:
      return encode(timeMs, step, number, []);
  }
}

/** The counterpart of `encodeRestore`. @throws CommandError */
export function readRestore(data: Uint8Array): RestoreCommand {
  const step = data[commandHeaderBytes] as RestoreStep;
  const number = readU48(data, commandHeaderBytes + 1);
  const field = (index: number): number => readU48(data, bodyStart + index * numberBytes);
  switch (step) {
    case RestoreStep.Begin:
      return { step, number, finished: field(0) };
    case RestoreStep.Load:
      return { step, number, position: field(0), records: data.subarray(bodyStart + numberBytes) };
    case RestoreStep.Seal:
      return {
        step,
        number,
        loads: field(0),
        keys: field(1),
        revision: field(2),
        forgottenThroughMs: field(3),
      };
    case RestoreStep.Clear:
    case RestoreStep.Open:
    case RestoreStep.Cancel:
      return { step, number };
    default:
      throw new CommandError(`a restore has step ${String(step)}, which this release does not know`);
  }
}

/** Reads records one after the other. @throws WireError when they are cut, RangeError when one has no revision. */
export function* readRecords(data: Uint8Array): Generator<SnapshotRecord, void> {
  const reader = new WireReader(data);
  while (reader.position < data.length) {
    const keyLength = reader.varint();
    const valueLength = reader.varint();
    const revision = reader.varint();
    const expiresAtMs = reader.varint();
    const valueStart = reader.position + keyLength;
    const end = valueStart + valueLength;
    if (end > data.length) throw new RangeError("a record points past the end of its block");
    if (revision === 0) throw new RangeError("a record has no revision");
    const key = data.subarray(reader.position, valueStart);
    reader.position = end;
    yield { key, value: data.subarray(valueStart, end), revision, expiresAtMs };
  }
}
