import type { Message } from "../core/message.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";

/** Which group on which replica something in a frame is for, and from whom. */
export interface GroupAddress {
  readonly group: number;
  /** See `GroupOptions.incarnation`. */
  readonly incarnation: number;
  readonly from: number;
  readonly to: number;
}

/** A message of the core. */
export interface MessageSection {
  readonly kind: "message";
  readonly group: number;
  readonly incarnation: number;
  readonly message: Message;
}

/** The leader falls silent, because everybody has everything: do not mistake it for dead. */
export interface QuietSection extends GroupAddress {
  readonly kind: "quiet";
  readonly term: number;
  readonly commit: number;
}

/** A replica whose state machine is too old for its log asks for a state. */
export interface StateRequestSection extends GroupAddress {
  readonly kind: "stateRequest";
}

/** What a transferred state is for: to take the place of the log as well, or only to bring the state machine up to date. */
export type TransferPurpose = "install" | "state";

/** A state is going to be sent. Repeated until answered. */
export interface OfferSection extends GroupAddress {
  readonly kind: "offer";
  /** Names the transfer in this life of the sender. */
  readonly transfer: number;
  readonly purpose: TransferPurpose;
  /** The sender's term. */
  readonly term: number;
  readonly metadata: SnapshotMetadata;
}

/** A part of a state. */
export interface ChunkSection extends GroupAddress {
  readonly kind: "chunk";
  readonly transfer: number;
  readonly offset: number;
  /** Whether this is the end of the state. */
  readonly last: boolean;
  /** CRC-32 of the data, seeded with the checksum of everything before it. */
  readonly checksum: number;
  readonly data: Uint8Array;
}

/** How a transfer stands at its receiver. */
export type TransferState = "receiving" | "complete" | "refused" | "busy" | "unknown";

/** The receiver's answer to an offer or a chunk. */
export interface AcknowledgementSection extends GroupAddress {
  readonly kind: "acknowledgement";
  readonly transfer: number;
  readonly state: TransferState;
  /** Everything before this was taken in. */
  readonly offset: number;
}

/** One thing in a frame. */
export type Section =
  | MessageSection
  | QuietSection
  | StateRequestSection
  | OfferSection
  | ChunkSection
  | AcknowledgementSection;

/** What a frame says of itself. */
export interface FrameHeader {
  /** A hash of the cluster's name. */
  readonly cluster: number;
  /** The life of the node that sends. */
  readonly sender: number;
  /** The life of the node it is for, as far as the sender knows; 0 when it has not heard of it. */
  readonly receiver: number;
}
