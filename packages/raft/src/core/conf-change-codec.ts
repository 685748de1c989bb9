import { ByteReader, malformed } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { ConfChange, MemberChange, Transition } from "./conf-change.ts";

/** First byte of the encoding. Changes whenever the rest does. */
const confChangeVersion = 1;

// The position in these lists is on disk: append, never reorder.
const transitions: readonly Transition[] = ["auto", "implicit", "explicit"];
const changeTypes: readonly MemberChange["type"][] = ["addVoter", "addLearner", "remove"];

/**
 * The data of an entry of type `ConfChange`: version, transition, whether an expected index follows, that index, the
 * number of changes, each as type and replica, and the context with its length.
 */
export function encodeConfChange(change: ConfChange): Uint8Array {
  const writer = new ByteWriter(64);
  writer.writeByte(confChangeVersion);
  writer.writeByte(transitions.indexOf(change.transition));
  writer.writeBoolean(change.expectedConfigurationIndex !== undefined);
  if (change.expectedConfigurationIndex !== undefined) writer.writeVarint(change.expectedConfigurationIndex);
  writer.writeVarint(change.changes.length);
  for (const { type, replica } of change.changes) {
    writer.writeByte(changeTypes.indexOf(type));
    writer.writeVarint(replica);
  }
  writer.writeBytes(change.context ?? new Uint8Array(0));
  return writer.copy();
}

/** @throws RaftError `MALFORMED` */
export function decodeConfChange(data: Uint8Array): ConfChange {
  const reader = new ByteReader(data);
  const version = reader.readByte();
  if (version !== confChangeVersion)
    throw malformed(`version ${version} of configuration changes is not known`);
  const transition = named(transitions, reader.readByte(), "transition");
  const expected = reader.readBoolean() ? reader.readVarint() : undefined;
  const changes: MemberChange[] = [];
  const count = reader.readCount();
  for (let position = 0; position < count; position += 1) {
    changes.push({ type: named(changeTypes, reader.readByte(), "change"), replica: reader.readId() });
  }
  const context = reader.readBytes();
  reader.expectEnd();
  return {
    transition,
    changes,
    ...(expected === undefined ? {} : { expectedConfigurationIndex: expected }),
    ...(context.length === 0 ? {} : { context }),
  };
}

function named<Name>(names: readonly Name[], position: number, what: string): Name {
  const name = names[position];
  if (name === undefined) throw malformed(`${what} ${position} is not known`);
  return name;
}
