/** How two nodes introduce themselves, once per connection: JSON, since it is read by people when things go wrong. */

/** Who a node is. */
export interface PeerIdentity {
  readonly clusterId: string;
  readonly node: number;
  /** Grows with each start of the node's process. */
  readonly incarnation: number;
  /** Known to the cluster since the node was admitted, so that nobody else can take its place. */
  readonly token: string;
}

/** A greeting: who speaks, and to whom it believes to speak. */
export interface Hello extends PeerIdentity {
  readonly to: number;
}

/**
 * Why a node is not let in.
 *
 * - `WRONG_CLUSTER`: it belongs to another cluster.
 * - `WRONG_NODE`: it meant another node; its address book is old.
 * - `REMOVED`: it was taken out of the cluster for ever.
 * - `UNKNOWN_NODE`: the cluster does not know it; perhaps not yet.
 * - `BAD_TOKEN`: it claims the id of another node, or its directory was replaced.
 * - `STALE_INCARNATION`: a later start of the same node has been here: two processes run as one node.
 * - `WRONG_VERSION`: it speaks another version of the protocol.
 * - `NOT_READY`: the answering node cannot judge yet; try again.
 */
export type RefusalReason =
  | "WRONG_CLUSTER"
  | "WRONG_NODE"
  | "REMOVED"
  | "UNKNOWN_NODE"
  | "BAD_TOKEN"
  | "STALE_INCARNATION"
  | "WRONG_VERSION"
  | "NOT_READY";

const refusalReasons: ReadonlySet<string> = new Set<RefusalReason>([
  "WRONG_CLUSTER",
  "WRONG_NODE",
  "REMOVED",
  "UNKNOWN_NODE",
  "BAD_TOKEN",
  "STALE_INCARNATION",
  "WRONG_VERSION",
  "NOT_READY",
]);

/** Why a node is not let in, with a sentence for people. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly message: string;
}

/** Judges a node that wants to connect, or that answered; `undefined` lets it in. Must not throw. */
export type Admit = (hello: PeerIdentity) => Refusal | undefined;

/** Largest greeting or refusal, in bytes. */
export const maxGreetingBytes = 4096;

function parseObject(payload: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  if (payload.length > maxGreetingBytes) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The greeting as bytes. */
export function encodeHello(hello: Hello): Buffer {
  const { clusterId, node, incarnation, token, to } = hello;
  return Buffer.from(JSON.stringify({ clusterId, node, incarnation, token, to }));
}

/** The greeting in these bytes; `undefined` when they are none. */
export function decodeHello(payload: Uint8Array): Hello | undefined {
  const value = parseObject(payload);
  if (value === undefined) return undefined;
  const { clusterId, node, incarnation, token, to } = value;
  if (typeof clusterId !== "string" || typeof token !== "string") return undefined;
  if (!isCount(node) || !isCount(incarnation) || !isCount(to)) return undefined;
  return { clusterId, node, incarnation, token, to };
}

/** The refusal as bytes. */
export function encodeRefusal(refusal: Refusal): Buffer {
  return Buffer.from(JSON.stringify({ reason: refusal.reason, message: refusal.message.slice(0, 1000) }));
}

/** The refusal in these bytes. Anything else is read as NOT_READY: a newer node may have reasons of its own. */
export function decodeRefusal(payload: Uint8Array): Refusal {
  const value = parseObject(payload);
  const reason = value?.["reason"];
  const message = value?.["message"];
  return {
    reason:
      typeof reason === "string" && refusalReasons.has(reason) ? (reason as RefusalReason) : "NOT_READY",
    message: typeof message === "string" ? message : "refused without a reason",
  };
}
