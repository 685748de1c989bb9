/** What another terminal can ask of a running development cluster, one JSON line each way. */
import type { DevProcessState } from "./dev-process.ts";

/** A request. Nodes are given as the user wrote them; the cluster knows which there are. */
export interface DevRequest {
  readonly action: DevAction;
  readonly words: readonly string[];
}

/** What can be asked. */
export type DevAction = "status" | "kill" | "pause" | "resume" | "restart" | "partition" | "heal" | "stop";

/** Every action there is. */
export const devActions: readonly DevAction[] = [
  "status",
  "kill",
  "pause",
  "resume",
  "restart",
  "partition",
  "heal",
  "stop",
];

/** One node as the supervisor sees it. */
export interface DevNodeStatus {
  readonly node: number;
  readonly name: string;
  readonly state: DevProcessState;
  readonly pid: number | undefined;
  readonly address: string;
  readonly log: string;
}

/** The cluster as the supervisor sees it. */
export interface DevStatus {
  readonly directory: string;
  readonly nodes: readonly DevNodeStatus[];
  /** Directions in which messages do not arrive, as `[from, to]`. */
  readonly cut: readonly (readonly [number, number])[];
}

/** The answer. */
export type DevAnswer =
  | { readonly ok: true; readonly text: string; readonly status: DevStatus }
  | { readonly ok: false; readonly message: string; readonly nextStep?: string | undefined };

/** Longest line that is read, in bytes. */
export const maxControlBytes: number = 64 * 1024;
