import { create } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  type KeyValue,
  KeyValueSchema,
  type KvService,
  type ScanRequest,
  type ScanResponse,
  ScanResponseSchema,
} from "@titan-kv/proto";
import { invalidArgument } from "../http/api-error.ts";
import { type MergedEntry, mergeShards, type ReadPage } from "./scan-merge.ts";
import type { ShardPage, ShardScanRequest } from "./shard-scan.ts";
import { toOrigin } from "./submit-one.ts";
import { payloadOf, wantsText } from "./text-form.ts";

/** What a scan needs of its node. */
export interface ScanContext {
  /** All shards that own slots. */
  shards(): readonly number[];
  /** Reads a page at the level that the scan asks for. */
  pageReader(request: ScanRequest): ReadPage;
  /** Entries in one message at most. Default 1000. */
  readonly maxPageEntries: number;
}

/** The first key after all that begin with the prefix; empty when there is none. */
function prefixEnd(prefix: Uint8Array): Uint8Array {
  const end = Uint8Array.from(prefix);
  for (let last = end.length - 1; last >= 0; last -= 1) {
    if (end[last]! < 0xff) {
      end[last]! += 1;
      return end.slice(0, last + 1);
    }
  }
  return new Uint8Array(0);
}

function later(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Buffer.compare(a, b) > 0 ? a : b;
}

function earlierEnd(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
  return Buffer.compare(a, b) < 0 ? a : b;
}

/** A token names the last key that was sent, so that it is good at any node and for ever. */
function decodeToken(token: string): Uint8Array {
  if (!/^[\w-]+$/.test(token)) throw invalidArgument("page_token", "is not one that a scan returned");
  return Buffer.from(token, "base64url");
}

function rangeOf(request: ScanRequest, pageEntries: number): ShardScanRequest {
  const prefix = Buffer.from(request.prefix);
  let start = later(prefix, Buffer.from(request.start));
  let end = earlierEnd(prefixEnd(prefix), Buffer.from(request.end));
  if (request.pageToken !== "") {
    const last = decodeToken(request.pageToken);
    if (request.reverse) end = earlierEnd(last, end);
    else start = later(start, Buffer.concat([last, Uint8Array.of(0)]));
  }
  return { start, end, reverse: request.reverse, limit: pageEntries, keysOnly: request.keysOnly };
}

function toKeyValue(entry: MergedEntry, keysOnly: boolean, asText: boolean): KeyValue {
  return create(KeyValueSchema, {
    key: Buffer.from(entry.key).toString("utf8"),
    keyRevision: BigInt(entry.version),
    expiresAtMs: BigInt(entry.expiresAtMs),
    shard: entry.shard,
    ...(keysOnly ? {} : { payload: payloadOf(entry.value, asText) }),
  });
}

/** Makes the scan handler of one node. */
export function createScanHandler(context: ScanContext): ServiceImpl<typeof KvService>["scan"] {
  return async function* scan(request: ScanRequest, call: HandlerContext): AsyncGenerator<ScanResponse> {
    const { maxPageEntries } = context;
    if (request.pageSize > maxPageEntries) {
      throw invalidArgument("page_size", `is ${request.pageSize}, the limit is ${maxPageEntries}`);
    }
    const pageEntries = request.pageSize === 0 ? maxPageEntries : request.pageSize;
    const range = rangeOf(request, pageEntries);
    const isEmpty = range.end.length > 0 && Buffer.compare(range.start, range.end) >= 0;
    const asText = wantsText(call);
    const limit = request.limit === 0n ? Number.POSITIVE_INFINITY : Number(request.limit);
    const origins = new Map<number, ShardPage["origin"]>();
    const merged = mergeShards(isEmpty ? [] : context.shards(), range, {
      readPage: context.pageReader(request),
      onPage: ({ origin }) => origins.set(origin.shard, origin),
    });
    let entries: KeyValue[] = [];
    let sent = 0;
    let last: Uint8Array | undefined;
    const page = (nextPageToken: string): ScanResponse => {
      const response = create(ScanResponseSchema, {
        entries,
        nextPageToken,
        origins: [...origins.values()].map(toOrigin),
      });
      entries = [];
      return response;
    };
    for await (const entry of merged) {
      // One more than wanted was found: so there is a next page.
      if (last !== undefined && sent >= limit) {
        yield page(Buffer.from(last).toString("base64url"));
        return;
      }
      if (last !== undefined && entries.length === pageEntries)
        yield page(Buffer.from(last).toString("base64url"));
      entries.push(toKeyValue(entry, request.keysOnly, asText));
      last = entry.key;
      sent += 1;
    }
    yield page("");
  };
}
