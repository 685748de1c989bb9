// The core: a pure, deterministic state machine, one per replica of a group.
export { RawNode } from "./core/raw-node.ts";
export type { RawNodeConfig, ReadMode } from "./core/config.ts";
export type {
  AppendCompletion,
  AsyncReady,
  Ready,
  ReadState,
  Role,
  SoftState,
  StorageAppend,
  StorageApply,
} from "./core/ready.ts";
export type {
  DropReason,
  ProposeResult,
  ReadIndexOptions,
  ReadResult,
  TransferResult,
} from "./core/proposal-result.ts";
export type { ProgressState, ProgressStatus, Status } from "./core/status.ts";

// What replicas say to each other.
export type {
  AppendRequest,
  AppendResponse,
  ForwardedProposal,
  Heartbeat,
  HeartbeatResponse,
  InstallSnapshot,
  Message,
  MessageType,
  ReadRequest,
  ReadResponse,
  TimeoutNow,
  TransferRequest,
  VoteRequest,
  VoteResponse,
} from "./core/message.ts";

// The log and what is remembered beside it.
export { type Entry, EntryType } from "./core/entry.ts";
export { emptyHardState, type HardState } from "./core/hard-state.ts";
export type { LogReader } from "./core/log-reader.ts";
export type { SnapshotMetadata } from "./core/snapshot.ts";

// Membership.
export { bootstrapState } from "./core/bootstrap.ts";
export { type Configuration, emptyConfiguration } from "./core/configuration.ts";
export { type ConfChange, leaveJoint, type MemberChange, type Transition } from "./core/conf-change.ts";

export { RaftError, type RaftErrorCode, type RaftErrorDetail } from "./core/raft-error.ts";

// Bytes.
export { ByteReader } from "./core/byte-reader.ts";
export { ByteWriter } from "./core/byte-writer.ts";
export { decodeConfChange, encodeConfChange } from "./core/conf-change-codec.ts";
export {
  readConfiguration,
  readSnapshotMetadata,
  writeConfiguration,
  writeSnapshotMetadata,
} from "./core/configuration-codec.ts";
export { decodeMessage, encodeMessage, readMessage, writeMessage } from "./core/message-codec.ts";
