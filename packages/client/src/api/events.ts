import type { Outcome, TitanErrorCode } from "../errors/titan-error.ts";

/** What a client tells those who listen: for logs and metrics, never needed for correctness. */
export interface ClientEventMap {
  /** A connection to a node is ready. */
  connect: { readonly address: string };
  /** A connection is gone. */
  disconnect: { readonly address: string; readonly reason: string };
  /** The client has a new view of the cluster. */
  topology: { readonly epoch: number; readonly nodes: number; readonly shards: number };
  /** An attempt failed and will be repeated after `delayMs` milliseconds. */
  retry: {
    readonly operation: "put" | "delete" | "get" | "txn" | "scan" | "watch" | "batch";
    readonly code: TitanErrorCode;
    readonly outcome: Outcome;
    readonly attempt: number;
    readonly delayMs: number;
  };
  /** A session for writes was opened, and why: the first, after a shard forgot one, or to leave slow writes behind. */
  session: { readonly reason: "first" | "expired" | "stragglers" };
}

/** The name of an event. */
export type ClientEventName = keyof ClientEventMap;

/** Hands events to listeners. */
export class ClientEvents {
  readonly #listeners = new Map<ClientEventName, Set<(event: never) => void>>();

  /** Calls `listener` at each event until the returned function is called. What it throws is thrown on its own turn. */
  on<Name extends ClientEventName>(name: Name, listener: (event: ClientEventMap[Name]) => void): () => void {
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(name, listeners);
    }
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Whether it is worth making an event. */
  has(name: ClientEventName): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  emit<Name extends ClientEventName>(name: Name, event: ClientEventMap[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        (listener as (event: ClientEventMap[Name]) => void)(event);
      } catch (thrown) {
        // A listener's mistake must not reach the code that was telling it something.
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  }
}
