/**
 * A node over the shards in memory: HTTP/2 with gRPC framing, and every fault that a script asks for.
 */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { once } from "node:events";
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import {
  ErrorInfoSchema,
  GetTopologyResponseSchema,
  OperationErrorSchema,
  Outcome,
  Reason,
  ScanRequestSchema,
  ScanResponseSchema,
} from "@titan-kv/proto";
import {
  OperationKind,
  OperationView,
  type StreamIdentity,
  visitRequest,
  WireWriter,
  writeErrorResult,
  writeGetResult,
  writeResponseEpoch,
  writeTxnResult,
  writeWriteResult,
} from "@titan-kv/proto/pipeline";
import type { FakeShards } from "./fake-shards.ts";
import { serveWatch, type WatchFault } from "./fake-watch.ts";

/** An operation as a script sees it. */
export interface SeenOperation {
  readonly node: number;
  readonly id: number;
  readonly kind: OperationKind;
  /** Empty for a transaction. */
  readonly key: string;
  readonly value: string;
  readonly seq: number;
  readonly session: string;
  readonly timeoutMs: number;
  readonly readLevel: number;
}

/** What a script makes of an operation. */
export type FakeVerdict =
  | { act: "serve"; delayMs?: number }
  /** Not applied; answered with an error. */
  | { act: "fail"; info: MessageInitShape<typeof ErrorInfoSchema> }
  /** Applied; answered with an error of unknown outcome. */
  | { act: "apply-and-fail"; info: MessageInitShape<typeof ErrorInfoSchema> }
  /** Never answered. */
  | { act: "ignore"; apply: boolean }
  /** The connection breaks: before or after the operation was applied, or in the middle of its answer. */
  | { act: "drop"; apply: boolean; half?: boolean };

export type FaultScript = (operation: SeenOperation) => FakeVerdict;

/** Longest delay that a script gives an answer on a stream that the client ends. */
const maxDelayMs = 100;

const serve: FakeVerdict = { act: "serve" };

/** The information in an error that was certainly not applied. */
export function notApplied(
  reason: Reason,
  more: MessageInitShape<typeof ErrorInfoSchema> = {},
): MessageInitShape<typeof ErrorInfoSchema> {
  return { reason, outcome: Outcome.NOT_APPLIED, ...more };
}

/** The information in an error that may have been applied. */
export function unknownOutcome(
  reason: Reason,
  more: MessageInitShape<typeof ErrorInfoSchema> = {},
): MessageInitShape<typeof ErrorInfoSchema> {
  return { reason, outcome: Outcome.UNKNOWN, ...more };
}

export class FakeNode {
  readonly id: number;
  readonly shards: FakeShards;
  /** Decides about each operation that this node leads. */
  script: FaultScript = () => serve;
  /** Pass operations on to the leader, as nodes do, instead of naming it. */
  forwards = false;
  /** Refuse a new pipeline with this gRPC status. */
  refuseStreams: number | undefined;
  /** Operations seen, in order. */
  readonly seen: SeenOperation[] = [];
  /** Messages on pipelines. */
  messages = 0;
  /** Identities on pipelines. */
  identities = 0;
  streams = 0;
  topologyCalls = 0;
  /** Watches asked for. */
  watches = 0;
  /** What becomes of watches that begin from now on. */
  watchFault: WatchFault = {};
  readonly headers: Record<string, string | undefined>[] = [];
  #server: Http2Server | undefined;
  readonly #sessions = new Set<ServerHttp2Session>();
  #port = 0;
  readonly #tls: SecureServerOptions | undefined;

  constructor(id: number, shards: FakeShards, tls?: SecureServerOptions) {
    this.#tls = tls;
    this.id = id;
    this.shards = shards;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  /** Opens the port; the same one again after a stop. */
  async start(): Promise<void> {
    const settings = { initialWindowSize: 4 * 1024 * 1024 };
    const server =
      this.#tls === undefined ? createServer({ settings }) : createSecureServer({ ...this.#tls, settings });
    server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("error", () => undefined);
      session.on("close", () => this.#sessions.delete(session));
    });
    server.on("sessionError", () => undefined);
    server.on("stream", (stream, headers) => this.#accept(stream, headers));
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Kills the node: every connection is cut. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, "close");
    server.close();
    this.cut();
    await closed;
  }

  /** Cuts every connection; new ones are taken. */
  cut(): void {
    for (const session of this.#sessions) session.destroy();
  }

  /** Asks every client to go away; streams go on until they end. */
  goAway(): void {
    for (const session of this.#sessions) session.close();
  }

  #accept(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on("error", () => undefined);
    this.headers.push({
      path: headers[":path"],
      authorization: headers["authorization"] as string | undefined,
      "content-type": headers["content-type"] as string | undefined,
    });
    switch (headers[":path"] ?? "") {
      case "/titan.kv.v1.KvService/Pipeline":
        this.#pipeline(stream);
        return;
      case "/titan.cluster.v1.ClusterService/GetTopology":
        this.topologyCalls += 1;
        void answerUnary(stream, () => [
          toBinary(
            GetTopologyResponseSchema,
            create(GetTopologyResponseSchema, { topology: this.shards.topology(this.id) }),
          ),
        ]);
        return;
      case "/titan.kv.v1.KvService/Watch":
        this.watches += 1;
        void serveWatch(stream, this.shards, this.watchFault);
        return;
      case "/titan.kv.v1.KvService/Scan":
        void answerUnary(stream, (request) => this.#scan(request));
        return;
      default:
        stream.respond(
          { ":status": 200, "content-type": "application/grpc", "grpc-status": "12" },
          { endStream: true },
        );
    }
  }

  #pipeline(stream: ServerHttp2Stream): void {
    if (this.refuseStreams !== undefined) {
      const status = String(this.refuseStreams);
      stream.respond(
        {
          ":status": 200,
          "content-type": "application/grpc+proto",
          "grpc-status": status,
          "grpc-message": "refused",
        },
        { endStream: true },
      );
      return;
    }
    this.streams += 1;
    stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    let identity: StreamIdentity | undefined;
    let rest: Buffer = Buffer.alloc(0);
    stream.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        const end = 5 + rest.readUInt32BE(1);
        const message = Buffer.from(rest.subarray(5, end));
        rest = rest.subarray(end);
        this.messages += 1;
        let operations = 0;
        visitRequest(message, 0, message.length, {
          operation: (buffer, from, to) => {
            operations += 1;
            const view = new OperationView();
            view.read(buffer, from, to);
            this.#operation(stream, view, identity);
          },
          identity: (next) => {
            this.identities += 1;
            identity = { ...next, session: Uint8Array.from(next.session) };
            this.shards.onIdentity(identity);
          },
          epoch: () => undefined,
        });
        if (operations > 1024) this.shards.violations.push("a message has more than 1024 operations");
        if (message.length > 4 * 1024 * 1024) this.shards.violations.push("a message is larger than 4 MiB");
      }
    });
    stream.on("end", () => {
      // What is under way is answered first; no script delays an answer for longer.
      setTimeout(() => {
        if (!stream.destroyed) stream.end();
      }, maxDelayMs);
    });
  }

  #operation(stream: ServerHttp2Stream, view: OperationView, identity: StreamIdentity | undefined): void {
    const seen: SeenOperation = {
      node: this.id,
      id: view.id,
      kind: view.kind,
      key: view.kind === OperationKind.Txn ? "" : Buffer.from(view.key()).toString("utf8"),
      value: Buffer.from(view.value()).toString("latin1"),
      seq: view.seq,
      session: identity === undefined || view.seq === 0 ? "" : Buffer.from(identity.session).toString("hex"),
      timeoutMs: view.timeoutMs,
      readLevel: view.readLevel,
    };
    this.seen.push(seen);
    const verdict = this.script(seen);
    switch (verdict.act) {
      case "serve":
        if (verdict.delayMs === undefined) this.#serve(stream, view, identity);
        else setTimeout(() => this.#serve(stream, view, identity), verdict.delayMs);
        return;
      case "fail":
        this.#error(stream, view.id, verdict.info);
        return;
      case "apply-and-fail":
        this.shards.apply(view, identity);
        this.#error(stream, view.id, verdict.info);
        return;
      case "ignore":
        if (verdict.apply) this.shards.apply(view, identity);
        return;
      case "drop":
        if (verdict.apply) this.shards.apply(view, identity);
        if (verdict.half === true) stream.write(Buffer.from([0, 0, 0, 0, 40, 0x0a, 38]));
        stream.session?.destroy();
    }
  }

  #serve(stream: ServerHttp2Stream, view: OperationView, identity: StreamIdentity | undefined): void {
    if (stream.destroyed) return;
    const isTxn = view.kind === OperationKind.Txn;
    const shard = isTxn ? undefined : this.shards.shardOfKey(view.key());
    const isWrite = view.kind !== OperationKind.Get;
    if (isWrite && shard !== undefined && shard.leader !== this.id && !this.forwards) {
      const address = this.shards.addresses.get(shard.leader) ?? "";
      const leader = shard.leader === 0 ? {} : { leader: { node: shard.leader, address } };
      this.#error(
        stream,
        view.id,
        notApplied(Reason.NOT_LEADER, { ...leader, epoch: BigInt(this.shards.epoch) }),
      );
      return;
    }
    const answer = this.shards.apply(view, identity);
    if (answer === "session-expired") {
      this.#error(stream, view.id, unknownOutcome(Reason.SESSION_EXPIRED));
      return;
    }
    if (answer === "already-acknowledged") {
      this.#error(stream, view.id, unknownOutcome(Reason.FAILED_PRECONDITION));
      return;
    }
    const writer = new WireWriter();
    const origin = {
      shard: shard?.id ?? 1,
      epoch: this.shards.epoch,
      term: shard?.term ?? 1,
      revision: answer.revision,
      node: isWrite && shard !== undefined ? shard.leader : this.id,
    };
    if (answer.kind === "write") writeWriteResult(writer, view.id, answer, origin);
    else if (answer.kind === "get") writeGetResult(writer, view.id, answer, origin);
    else writeTxnResult(writer, view.id, answer.txn, origin);
    this.#send(stream, writer);
  }

  #error(stream: ServerHttp2Stream, id: number, info: MessageInitShape<typeof ErrorInfoSchema>): void {
    const error = create(OperationErrorSchema, {
      code: 14,
      message: `as scripted: reason ${info.reason ?? 0}`,
      info: create(ErrorInfoSchema, info),
    });
    const writer = new WireWriter();
    writeErrorResult(writer, id, toBinary(OperationErrorSchema, error));
    this.#send(stream, writer);
  }

  #send(stream: ServerHttp2Stream, writer: WireWriter): void {
    if (stream.destroyed || stream.writableEnded) return;
    writeResponseEpoch(writer, this.shards.epoch);
    stream.write(framed(writer.take()));
  }

  #scan(bytes: Uint8Array): Uint8Array[] {
    const request = fromBinary(ScanRequestSchema, bytes);
    const after = request.pageToken;
    let entries = this.shards
      .sorted()
      .filter(({ key }) => key.startsWith(request.prefix))
      .filter(({ key }) => request.start === "" || key >= request.start)
      .filter(({ key }) => request.end === "" || key < request.end);
    if (request.reverse) entries = entries.toReversed();
    if (after !== "") entries = entries.slice(entries.findIndex(({ key }) => key === after) + 1);
    const total = request.limit === 0n ? entries.length : Math.min(Number(request.limit), entries.length);
    const pageSize = request.pageSize === 0 ? 1000 : request.pageSize;
    const pages: Uint8Array[] = [];
    for (let from = 0; from < total || from === 0; from += pageSize) {
      const part = entries.slice(from, Math.min(from + pageSize, total));
      const isLast = from + part.length >= entries.length;
      const page = create(ScanResponseSchema, {
        entries: part.map(({ key, stored, shard }) => ({
          key,
          keyRevision: BigInt(stored.revision),
          expiresAtMs: BigInt(stored.expiresAtMs),
          shard: shard.id,
          ...(request.keysOnly ? {} : { payload: { case: "value" as const, value: stored.value } }),
        })),
        nextPageToken: isLast ? "" : (part.at(-1)?.key ?? ""),
        origins: this.shards.shards.map(({ id, revision }) => ({
          shard: id,
          revision: BigInt(revision),
          node: this.id,
        })),
      });
      pages.push(toBinary(ScanResponseSchema, page));
    }
    return pages;
  }
}

function framed(message: Uint8Array): Buffer {
  const buffer = Buffer.alloc(5 + message.length);
  buffer.writeUInt32BE(message.length, 1);
  buffer.set(message, 5);
  return buffer;
}

async function answerUnary(
  stream: ServerHttp2Stream,
  handle: (request: Uint8Array) => Uint8Array[],
): Promise<void> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk as Buffer);
  } catch {
    // The connection was cut.
    return;
  }
  const responses = handle(Buffer.concat(chunks).subarray(5));
  stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  for (const response of responses) stream.write(framed(response));
  stream.end();
}
