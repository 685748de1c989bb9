/** Everything that reads bytes from a disk, a network or a user. */
import type { FuzzTarget } from "../src/fuzz-target.ts";
import { bitcaskImport } from "./bitcask-import.ts";
import { bitcaskStore } from "./bitcask-store.ts";
import { configuration } from "./configuration.ts";
import { grpcFrames } from "./grpc-frames.ts";
import { batchDocument, importCsv, importDirectory, importNdjson } from "./import-formats.ts";
import { metaCommand } from "./meta-command.ts";
import { peerFrames, peerHello } from "./peer-bytes.ts";
import { pipelineRequest, pipelineResponse } from "./pipeline-codec.ts";
import { plantedFaults } from "./planted.ts";
import { raftLog } from "./raft-log.ts";
import { raftConfChange, raftFrame, raftMessage } from "./raft-messages.ts";
import { raftSnapshotFile } from "./raft-snapshot-file.ts";
import { checkpointStream, replicaStore } from "./replica-store.ts";
import { pipelineStream, unaryRequests } from "./requests.ts";
import { ringJson } from "./ring-json.ts";
import { shardCommand } from "./shard-command.ts";

/** In the order in which a run goes through them. */
export const targets: readonly FuzzTarget[] = [
  raftMessage,
  raftConfChange,
  raftFrame,
  raftLog,
  raftSnapshotFile,
  bitcaskStore,
  bitcaskImport,
  replicaStore,
  checkpointStream,
  peerFrames,
  peerHello,
  grpcFrames,
  pipelineRequest,
  pipelineResponse,
  pipelineStream,
  unaryRequests,
  shardCommand,
  metaCommand,
  importNdjson,
  importCsv,
  importDirectory,
  batchDocument,
  configuration,
  ringJson,
];

/** @throws Error naming the targets that there are. */
export function findTarget(name: string): FuzzTarget {
  const target = [...targets, ...plantedFaults].find((each) => each.name === name);
  if (target !== undefined) return target;
  throw new Error(`there is no target ${name}; there are ${targets.map((each) => each.name).join(", ")}`);
}
