/** Builds entries of a shard's log the way a leader does. */
import { create, toBinary } from "@bufbuild/protobuf";
import { PipelineOperationSchema } from "@titan-kv/proto";
import type { StreamIdentity } from "@titan-kv/proto/pipeline";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { encodeOwnSlots, OperationsBuilder } from "../../src/shard/command.ts";
import type { LogEntry } from "../../src/shard/shard-state-machine.ts";

export type OperationInit = MessageInitShape<typeof PipelineOperationSchema>;

/** What a write may carry besides its kind. */
export interface Numbering {
  readonly seq?: bigint;
}

export function put(key: string, value: string, more: Numbering = {}): OperationInit {
  return { ...more, kind: { case: "put", value: { key, payload: { case: "text", value } } } };
}

export function del(key: string, more: Numbering = {}): OperationInit {
  return { ...more, kind: { case: "delete", value: { key } } };
}

/** Numbers entries as a log does. */
export class EntryWriter {
  #index = 0;
  term = 1;
  timeMs = 1_000_000;

  get index(): number {
    return this.#index;
  }

  entry(data: Uint8Array): LogEntry {
    this.#index += 1;
    return { index: this.#index, term: this.term, data };
  }

  ownAll(epoch = 1): LogEntry {
    return this.entry(encodeOwnSlots(this.timeMs, epoch, [{ first: 0, last: 16383 }]));
  }

  operations(operations: readonly OperationInit[], session?: StreamIdentity): LogEntry {
    const builder = new OperationsBuilder();
    builder.beginSection(session);
    for (const operation of operations) {
      const bytes = toBinary(PipelineOperationSchema, create(PipelineOperationSchema, operation));
      builder.add(bytes, 0, bytes.length);
    }
    return this.entry(builder.take(this.timeMs));
  }
}

/** A session whose id is made of one repeated byte. */
export function identity(byte: number, openedMs = 500, acknowledgedBelow = 0): StreamIdentity {
  return { session: new Uint8Array(16).fill(byte), openedMs, acknowledgedBelow };
}
