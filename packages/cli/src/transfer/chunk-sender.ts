/** Writes the records of a chunk, as often as it takes while the cluster is in trouble. */
import { setTimeout as wait } from "node:timers/promises";
import type { BatchOperation, TitanError } from "@titan-kv/client";
import type { BytesClient } from "../connection/with-client.ts";
import type { Chunk, PlacedRecord } from "./chunk.ts";
import { shownText } from "./record.ts";

/** Between two attempts, doubled each time, in milliseconds. */
const minPauseMs = 100;
const maxPauseMs = 2000;
/** How long one attempt at a chunk may take, retries of the client included, in milliseconds. */
const attemptLimitMs = 15_000;

/** How records are written. */
export interface SenderOptions {
  readonly client: BytesClient;
  /** How long a chunk is tried before the import gives up, in milliseconds. */
  readonly patienceMs: number;
  /** Aborted when the import is to end: nothing is tried again after it. */
  readonly signal: AbortSignal;
}

/** Whether a put may simply be sent again: the same put twice is the same as once. */
function mayRepeat({ code, outcome, retryable }: TitanError): boolean {
  return retryable || (outcome === "UNKNOWN" && code !== "ABORTED" && code !== "CLOSED");
}

/** Whether the fault lies with the record, not with the cluster. */
function isAboutRecord({ code }: TitanError): boolean {
  return code === "INVALID_ARGUMENT" || code === "OUT_OF_RANGE";
}

interface FailedRecord {
  readonly placed: PlacedRecord;
  readonly error: TitanError;
}

/** The records that have not expired. What has is gone, as it is in the cluster that it comes from; it is reported. */
function liveRecords(chunk: Chunk): PlacedRecord[] {
  const nowMs = Date.now();
  return chunk.records.filter(({ place, record: { expiresAtMs, key } }) => {
    const isLive = expiresAtMs === undefined || expiresAtMs > nowMs;
    if (!isLive)
      chunk.rejects.push({ place, reason: "the record has expired", text: shownText(Buffer.from(key)) });
    return isLive;
  });
}

function operationFor({ record }: PlacedRecord): BatchOperation<string | Uint8Array> {
  const { key, value, expiresAtMs } = record;
  if (expiresAtMs === undefined) return { kind: "put", key, value };
  return { kind: "put", key, value, ttlMs: Math.max(1, expiresAtMs - Date.now()) };
}

/** Sends the records once; counts those that are written, returns those that are not. */
async function attempt(
  chunk: Chunk,
  pending: readonly PlacedRecord[],
  client: BytesClient,
): Promise<FailedRecord[]> {
  const results = await client.batch(pending.map(operationFor), { timeoutMs: attemptLimitMs });
  const failed: FailedRecord[] = [];
  for (const [index, placed] of pending.entries()) {
    const result = results[index]!;
    if (result.kind !== "error") chunk.counted(placed.record);
    else if (isAboutRecord(result.error)) {
      const text = shownText(Buffer.from(placed.record.key));
      chunk.rejects.push({ place: placed.place, reason: result.error.message, text });
    } else failed.push({ placed, error: result.error });
  }
  return failed;
}

/**
 * Writes all records of the chunk. What a node refuses for good becomes a reject of the chunk.
 * @throws the error of a record when patience is over, or when trying again would not help.
 */
export async function sendChunk(chunk: Chunk, { client, patienceMs, signal }: SenderOptions): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  let pending = liveRecords(chunk);
  for (let pauseMs = minPauseMs; pending.length > 0; pauseMs = Math.min(pauseMs * 2, maxPauseMs)) {
    // oxlint-disable-next-line no-await-in-loop -- attempts follow each other
    const failed = await attempt(chunk, pending, client);
    const [first] = failed;
    if (first === undefined) return;
    const hopeless = failed.find(({ error }) => !mayRepeat(error));
    if (hopeless !== undefined) throw hopeless.error;
    if (signal.aborted || performance.now() > deadlineMs) throw first.error;
    pending = failed.map(({ placed }) => placed);
    // oxlint-disable-next-line no-await-in-loop -- waiting is the purpose
    await wait(pauseMs * (0.5 + Math.random() / 2));
  }
}
