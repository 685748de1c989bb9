/**
 * The commands of the meta group. They are few and rare, so they travel as JSON with a format number in front; an older
 * release stops at a newer format instead of guessing.
 */
import { z } from "zod";
import type { NodeState, ReplicaRecord } from "./cluster-map.ts";
import type { RestoreMetaCommand } from "./restore-record.ts";

/** A node as it introduces itself. */
export interface NodeDescription {
  readonly address: string;
  readonly peerAddress: string;
  readonly zone: string;
  readonly weight: number;
  readonly version: string;
}

/** The first command of a cluster's life; later ones of this kind change nothing. */
export interface FoundCommand {
  readonly type: "found";
  readonly clusterId: string;
  readonly replicationFactor: number;
  readonly nodes: readonly (NodeDescription & { readonly id: number })[];
}

export type MetaCommand =
  | FoundCommand
  | RestoreMetaCommand
  /** A process claims a node's id; its token must be the one on record, or the first. */
  | {
      readonly type: "introduce";
      readonly node: number;
      readonly token: string;
      readonly description: NodeDescription;
    }
  /** A process without id wants to become a node. */
  | { readonly type: "register"; readonly token: string; readonly description: NodeDescription }
  /** An operator drains, undrains, or takes a node out. */
  | { readonly type: "setNodeState"; readonly node: number; readonly state: NodeState }
  /** The placement of a shard changes. Refused when the map has changed since `version`. */
  | {
      readonly type: "setReplicas";
      readonly version: number;
      readonly shard: number;
      readonly replicas: readonly ReplicaRecord[];
    }
  /** A node's replica of a shard is thrown away, and a new one takes its place on the same node. */
  | { readonly type: "reseedReplica"; readonly shard: number; readonly node: number }
  /** A shard's leader reports the configuration in force. */
  | { readonly type: "reportMembers"; readonly shard: number; readonly members: readonly number[] }
  /** A shard should be led by another node. */
  | { readonly type: "setPreferredLeader"; readonly shard: number; readonly node: number }
  /** What one node was meant to do falls to another, and the first one leaves. */
  | { readonly type: "replaceNode"; readonly node: number; readonly replacement: number };

/** Why the meta group did not do what it was asked to. */
export type MetaRefusal =
  | "NOT_FOUNDED"
  | "UNKNOWN_NODE"
  | "NODE_REMOVED"
  | "TOKEN_MISMATCH"
  | "UNKNOWN_SHARD"
  | "STALE_VERSION"
  | "STILL_HOLDS_REPLICAS"
  | "LAST_NODE"
  | "INVALID_STATE"
  | "RESTORE_UNFINISHED"
  | "RESTORE_SUPERSEDED";

/** A restore that begins. */
export interface BegunRestore {
  readonly number: number;
  /** The last one that was finished before. */
  readonly finished: number;
}

/** The answer to a command. */
export type MetaResult =
  /** Done, or already so. `node` is the id that a registration was given, `restore` says which one begins. */
  | { readonly ok: true; readonly node?: number; readonly restore?: BegunRestore }
  | { readonly ok: false; readonly refusal: MetaRefusal; readonly message: string };

/** Weights are shares: what is beyond this is a mistake, and a ring has a limited number of points. */
export const maxNodeWeight = 100;
/** Ids are given one after the other, and a shard for each founder has the founder's id: 16 bits. */
const maxNodeId = 65_535;

// A schema for each command, or this does not compile: what is applied changes the map on every node, and a command of the
// wrong shape must be refused before it gets there, since a state machine that fails on it would fail on all of them.
const id = z.int().nonnegative();
const descriptionFields = {
  address: z.string(),
  peerAddress: z.string(),
  zone: z.string(),
  weight: z.number().positive().max(maxNodeWeight),
  version: z.string(),
};
const description = z.object(descriptionFields);
const schemas = {
  found: z.object({
    type: z.literal("found"),
    clusterId: z.string(),
    replicationFactor: z.int().positive(),
    nodes: z
      .array(z.object({ ...descriptionFields, id: z.int().positive().max(maxNodeId) }))
      .min(1)
      .refine(
        (nodes) => new Set(nodes.map((node) => node.id)).size === nodes.length,
        "two nodes have the same id",
      ),
  }),
  introduce: z.object({ type: z.literal("introduce"), node: id, token: z.string(), description }),
  register: z.object({ type: z.literal("register"), token: z.string(), description }),
  setNodeState: z.object({
    type: z.literal("setNodeState"),
    node: id,
    state: z.enum(["joining", "active", "draining", "leaving", "removed"]),
  }),
  setReplicas: z.object({
    type: z.literal("setReplicas"),
    version: id,
    shard: id,
    replicas: z.array(z.object({ node: id, replica: id, role: z.enum(["voter", "learner"]) })),
  }),
  reseedReplica: z.object({ type: z.literal("reseedReplica"), shard: id, node: id }),
  reportMembers: z.object({ type: z.literal("reportMembers"), shard: id, members: z.array(id) }),
  setPreferredLeader: z.object({ type: z.literal("setPreferredLeader"), shard: id, node: id }),
  replaceNode: z.object({ type: z.literal("replaceNode"), node: id, replacement: id }),
  beginRestore: z.object({
    type: z.literal("beginRestore"),
    restart: z.boolean(),
    token: z.string(),
    beganMs: z.number(),
  }),
  finishRestore: z.object({ type: z.literal("finishRestore"), number: id }),
  abandonRestore: z.object({ type: z.literal("abandonRestore"), number: id }),
} satisfies { readonly [Type in MetaCommand["type"]]: z.ZodType<MetaCommand> };

const commandType = z.object({ type: z.enum(Object.keys(schemas) as MetaCommand["type"][]) });

/** The bytes are no command that this release knows. */
export class MetaCommandError extends Error {
  override readonly name = "MetaCommandError";
}

const format = 1;

export function encodeMetaCommand(command: MetaCommand): Uint8Array {
  return Buffer.concat([Uint8Array.of(format), Buffer.from(JSON.stringify(command))]);
}

/** The counterpart of `encodeMetaCommand`. @throws MetaCommandError also for a format of a newer release. */
export function decodeMetaCommand(data: Uint8Array): MetaCommand {
  if (data[0] !== format) {
    throw new MetaCommandError(
      `a command of the meta group has format ${data[0]}, this release reads format ${format}`,
    );
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(data.subarray(1)).toString("utf8"));
  } catch (error) {
    throw new MetaCommandError("a command of the meta group is not JSON", { cause: error });
  }
  const type = commandType.safeParse(parsed);
  const checked = type.success ? schemas[type.data.type].safeParse(parsed) : type;
  if (checked.error === undefined) return checked.data;
  throw new MetaCommandError(`a command of the meta group is malformed: ${z.prettifyError(checked.error)}`);
}
