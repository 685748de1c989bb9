/** Backups and restores as a client of the API makes them. */
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { KvService, MaintenanceService, type RestoreSnapshotResponse } from "@titan-kv/proto";
import { crc32 } from "node:zlib";
import type { ClusterProcesses } from "./cluster-processes.ts";

/** Bytes in a message of a restore. */
const pieceBytes = 64 * 1024;
/** Operations in a batch. */
const batchOperations = 128;

function valueOf(number: number): string {
  return `value ${number} ${"x".repeat(number % 300)}`;
}

/** A client of one node; dispose it. */
export class MaintenanceClient implements Disposable {
  readonly rpc: Client<typeof MaintenanceService>;
  readonly kv: Client<typeof KvService>;
  readonly #session: Http2SessionManager;

  constructor(cluster: ClusterProcesses, node: number) {
    const baseUrl = `http://${cluster.address(node)}`;
    this.#session = new Http2SessionManager(baseUrl);
    const transport = createConnectTransport({ baseUrl, httpVersion: "2", sessionManager: this.#session });
    this.rpc = createClient(MaintenanceService, transport);
    this.kv = createClient(KvService, transport);
  }

  /** Puts `key-<n>` for each number, with values of different lengths. */
  async fill(first: number, count: number): Promise<void> {
    for (let at = first; at < first + count; at += batchOperations) {
      const operations = Array.from(
        { length: Math.min(batchOperations, first + count - at) },
        (_, index) => ({
          kind: {
            case: "put" as const,
            value: {
              key: `key-${at + index}`,
              payload: { case: "text" as const, value: valueOf(at + index) },
            },
          },
        }),
      );
      // oxlint-disable-next-line no-await-in-loop -- a node takes one batch after the other
      const { results } = await this.kv.batch({ operations });
      const failed = results.find(({ kind }) => kind.case === "error");
      if (failed?.kind.case === "error") throw new Error(`a put failed: ${failed.kind.value.message}`);
    }
  }

  /** Everything that the cluster holds, key by key: value, revision, expiry. */
  async content(): Promise<Map<string, string>> {
    const content = new Map<string, string>();
    for await (const { entries } of this.kv.scan({})) {
      for (const { key, payload, keyRevision, expiresAtMs } of entries) {
        const value = Buffer.from(payload.value as Uint8Array).toString();
        content.set(key, `${value} ${keyRevision} ${expiresAtMs}`);
      }
    }
    return content;
  }

  /** The whole file. */
  async save(): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for await (const { chunk } of this.rpc.saveSnapshot({})) pieces.push(chunk!.data);
    return Buffer.concat(pieces);
  }

  /** Sends a file; `beforePiece` may do something in the middle. */
  restore(
    file: Uint8Array,
    options: {
      readonly restart?: boolean;
      readonly beforePiece?: (offset: number) => Promise<void>;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<RestoreSnapshotResponse> {
    const { restart = false, beforePiece, signal } = options;
    async function* requests(): AsyncGenerator<object> {
      for (let offset = 0; offset < file.length; offset += pieceBytes) {
        await beforePiece?.(offset);
        const data = file.subarray(offset, offset + pieceBytes);
        const last = offset + data.length === file.length;
        yield { restart, chunk: { offset: BigInt(offset), data, checksum: crc32(data), last } };
      }
    }
    return this.rpc.restoreSnapshot(requests(), signal === undefined ? {} : { signal });
  }

  [Symbol.dispose](): void {
    this.#session.abort();
  }
}
