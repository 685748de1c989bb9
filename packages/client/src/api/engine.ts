import type { ScanRequest, ScanResponse, WatchRequest, WatchResponse } from "@titan-kv/proto";
import type { TitanError } from "../errors/titan-error.ts";
import type { ClientEvents } from "./events.ts";
import type {
  Answer,
  CallContext,
  EngineOperation,
  ReadAnswer,
  ReadOperation,
  TxnAnswer,
  TxnOperation,
  WriteAnswer,
  WriteOperation,
} from "./operation.ts";

/** What an engine does with a scan that it opens at some node. */
export interface OpenScan {
  /** Aborted when the caller stops. */
  readonly signal: AbortSignal;
}

/** A node that was chosen for a watch. */
export interface WatchAtNode {
  readonly address: string;
  /** Begins the stream, which ends when the signal fires. Throws what the transport throws. */
  open(signal: AbortSignal): AsyncIterable<WatchResponse>;
}

/**
 * What carries operations to a cluster and their answers back: pipelines to the leaders on Node.js, single calls to one
 * address in a browser. Promises reject with `TitanError`.
 */
export interface Engine {
  write(operation: WriteOperation, call: CallContext): Promise<WriteAnswer>;
  read(operation: ReadOperation, call: CallContext): Promise<ReadAnswer>;
  txn(operation: TxnOperation, call: CallContext): Promise<TxnAnswer>;
  /** One answer or error per operation, in their order. Never rejects. */
  batch(operations: readonly EngineOperation[], call: CallContext): Promise<(Answer | TitanError)[]>;
  /** One attempt at a scan. Throws what the transport throws. */
  scan(request: ScanRequest, options: OpenScan): AsyncIterable<ScanResponse>;
  /**
   * Chooses a node for an attempt at a watch: one of `avoid`, which are addresses, only when there is no other.
   * @throws TitanError CLOSED.
   */
  watch(request: WatchRequest, avoid: ReadonlySet<string>): WatchAtNode;
  /** How long a call may take that does not say, in milliseconds. */
  readonly defaultTimeoutMs: number;
  readonly events: ClientEvents;
  close(): Promise<void>;
}
