import { create, toBinary } from "@bufbuild/protobuf";
import { PipelineOperationSchema } from "@titan-kv/proto";
import {
  CommandError,
  encodeExpire,
  encodeOwnSlots,
  encodeVerifyPoint,
  OperationsBuilder,
} from "../../packages/server/src/shard/command.ts";
import { defaultSessionLimits } from "../../packages/server/src/shard/session-table.ts";
import { ShardStateMachine } from "../../packages/server/src/shard/shard-state-machine.ts";
import { MapStore } from "../../packages/server/test/support/map-store.ts";
import { bytesOf, Finding, type FuzzTarget, single } from "../src/fuzz-target.ts";
import { sampleRequests } from "../support/pipeline-samples.ts";

const timeMs = 1_700_000_000_000;
const ownAll = encodeOwnSlots(timeMs, 1, [{ first: 0, last: 16_383 }]);

function operationsCommand(): Uint8Array {
  const builder = new OperationsBuilder();
  const [first] = sampleRequests();
  const session = new Uint8Array(16).fill(9);
  builder.beginSection({ session, openedMs: timeMs - 1000, acknowledgedBelow: 0 });
  for (const operation of first?.operations ?? []) {
    const bytes = toBinary(PipelineOperationSchema, operation);
    builder.add(bytes, 0, bytes.length);
  }
  builder.beginSection(undefined);
  const txn = sampleRequests()[1]?.operations.filter(({ kind }) => kind.case === "txn") ?? [];
  for (const operation of txn) {
    const bytes = toBinary(PipelineOperationSchema, create(PipelineOperationSchema, operation));
    builder.add(bytes, 0, bytes.length);
  }
  return builder.take(timeMs + 5);
}

/** An entry of a shard's log, applied to a shard that has some content. A refused one must leave no trace in the store. */
export const shardCommand: FuzzTarget = {
  name: "shard-command",
  seeds: () =>
    [
      operationsCommand(),
      ownAll,
      encodeOwnSlots(timeMs, 2, [
        { first: 3, last: 9 },
        { first: 100, last: 100 },
      ]),
      encodeExpire(timeMs + 10_000),
      encodeVerifyPoint(timeMs, 5, true),
    ].map(single),
  run(input) {
    const store = new MapStore();
    const machine = new ShardStateMachine(store, defaultSessionLimits);
    machine.apply([
      { index: 1, term: 1, data: ownAll },
      { index: 2, term: 1, data: operationsCommand() },
    ]);
    machine.settle();
    const before = store.dump();
    try {
      machine.apply([{ index: 3, term: 1, data: bytesOf(input) }]);
      machine.settle();
    } catch (error) {
      if (store.dump() !== before)
        throw new Finding("a command that was refused has changed the store", { cause: error });
      throw error;
    }
    // What was written must be readable by the next start.
    const again = new ShardStateMachine(store, defaultSessionLimits);
    if (
      again.appliedIndex !== 3 ||
      again.revision !== machine.revision ||
      again.sessions !== machine.sessions
    ) {
      throw new Finding(
        `the shard stands at ${machine.appliedIndex}, revision ${machine.revision}, ${machine.sessions} sessions; read again: ` +
          `${again.appliedIndex}, ${again.revision}, ${again.sessions}`,
      );
    }
  },
  isRefusal: (error) => error instanceof CommandError,
};
