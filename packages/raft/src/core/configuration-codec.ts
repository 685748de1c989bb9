import { type ByteReader, malformed } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { Configuration } from "./configuration.ts";
import { configurationFault } from "./configuration-rules.ts";
import type { SnapshotMetadata } from "./snapshot.ts";

/**
 * Appends a configuration: its index, the four lists (a count, then the difference of each id to the one before it), and
 * whether it is left automatically.
 */
export function writeConfiguration(configuration: Configuration, writer: ByteWriter): void {
  writer.writeVarint(configuration.index);
  writeIds(configuration.voters, writer);
  writeIds(configuration.votersOutgoing, writer);
  writeIds(configuration.learners, writer);
  writeIds(configuration.learnersNext, writer);
  writer.writeBoolean(configuration.autoLeave);
}

/** @throws RaftError `MALFORMED`, also when the lists overlap in a way no configuration does. */
export function readConfiguration(reader: ByteReader): Configuration {
  const configuration: Configuration = {
    index: reader.readVarint(),
    voters: readIds(reader),
    votersOutgoing: readIds(reader),
    learners: readIds(reader),
    learnersNext: readIds(reader),
    autoLeave: reader.readBoolean(),
  };
  const fault = configurationFault(configuration);
  if (fault !== undefined) throw malformed(`in a configuration ${fault}`);
  return configuration;
}

/** Appends the metadata of a snapshot: index, term, configuration. */
export function writeSnapshotMetadata(snapshot: SnapshotMetadata, writer: ByteWriter): void {
  writer.writeVarint(snapshot.index);
  writer.writeVarint(snapshot.term);
  writeConfiguration(snapshot.configuration, writer);
}

/** @throws RaftError `MALFORMED` */
export function readSnapshotMetadata(reader: ByteReader): SnapshotMetadata {
  return {
    index: reader.readVarint(),
    term: reader.readVarint(),
    configuration: readConfiguration(reader),
  };
}

function writeIds(ids: readonly number[], writer: ByteWriter): void {
  writer.writeVarint(ids.length);
  let previous = 0;
  for (const id of ids) {
    writer.writeVarint(id - previous);
    previous = id;
  }
}

function readIds(reader: ByteReader): number[] {
  const count = reader.readCount();
  const ids: number[] = [];
  let previous = 0;
  for (let position = 0; position < count; position += 1) {
    previous += reader.readId();
    if (!Number.isSafeInteger(previous)) throw malformed("an id is too large");
    ids.push(previous);
  }
  return ids;
}
