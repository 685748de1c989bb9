/**
 * The hand-written codec of pipelines against the generated one. They need not refuse the same bytes: the hand-written one
 * refuses numbers above 2^53, repeated kinds and groups. But whatever both accept they must read alike.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type PipelineOperation,
  PipelineOperationSchema,
  type PipelineRequest,
  PipelineRequestSchema,
  type PipelineResponse,
  PipelineResponseSchema,
} from "@titan-kv/proto";
import {
  ConditionKind,
  OperationKind,
  OperationView,
  ResultKind,
  type ResultView,
  visitRequest,
  visitResponse,
  WireError,
} from "@titan-kv/proto/pipeline";
import { bytesOf, Finding, type FuzzTarget, single } from "../src/fuzz-target.ts";
import { sampleRequests, sampleResponses } from "../support/pipeline-samples.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const textHex = (text: string): string => hex(Buffer.from(text));

function readOperation(view: OperationView): unknown[] {
  const { id, kind, seq, timeoutMs, ttlMs, conditionKind, conditionRevision, returnPrevious } = view;
  const envelope = [id, seq, timeoutMs];
  const key = hex(view.key());
  switch (kind) {
    case OperationKind.Put:
      return [
        ...envelope,
        "put",
        key,
        hex(view.value()),
        ttlMs,
        conditionKind,
        conditionRevision,
        returnPrevious,
      ];
    case OperationKind.Delete:
      return [...envelope, "delete", key, conditionKind, conditionRevision, returnPrevious];
    case OperationKind.Get:
      return [...envelope, "get", key, view.readLevel, view.minRevision, view.maxStalenessMs];
    case OperationKind.Txn:
      return [...envelope, "txn"];
  }
}

function condition(
  given:
    | { case: "ifRevision"; value: bigint }
    | { case: "ifAbsent"; value: boolean }
    | { case: undefined; value?: undefined }
    | undefined,
): unknown[] {
  switch (given?.case) {
    case "ifRevision":
      return [ConditionKind.IfRevision, Number(given.value)];
    case "ifAbsent":
      return [given.value ? ConditionKind.IfAbsent : ConditionKind.IfPresent, 0];
    default:
      return [ConditionKind.None, 0];
  }
}

function generatedOperation({ id, seq, timeoutMs, kind }: PipelineOperation): unknown[] {
  const envelope = [Number(id), Number(seq), timeoutMs];
  switch (kind.case) {
    case "put": {
      const { key, payload, ttlMs, returnPrevious } = kind.value;
      const value =
        typeof payload.value === "string" ? textHex(payload.value) : hex(payload.value ?? new Uint8Array(0));
      return [
        ...envelope,
        "put",
        textHex(key),
        value,
        Number(ttlMs),
        ...condition(kind.value.condition?.condition),
        returnPrevious,
      ];
    }
    case "delete":
      return [
        ...envelope,
        "delete",
        textHex(kind.value.key),
        ...condition(kind.value.condition?.condition),
        kind.value.returnPrevious,
      ];
    case "get": {
      const { key, read } = kind.value;
      return [
        ...envelope,
        "get",
        textHex(key),
        read?.level ?? 0,
        Number(read?.minRevision ?? 0),
        read?.maxStalenessMs ?? 0,
      ];
    }
    case "txn":
      return [...envelope, "txn"];
    default:
      return [...envelope, "none"];
  }
}

function readRequest(bytes: Uint8Array): unknown {
  const operations: unknown[] = [];
  const view = new OperationView();
  let identity: unknown;
  let epochSeen = 0;
  visitRequest(bytes, 0, bytes.length, {
    operation(buffer, start, end) {
      view.read(buffer, start, end);
      operations.push(readOperation(view));
    },
    identity: ({ session, openedMs, acknowledgedBelow }) => {
      identity = [hex(session), openedMs, acknowledgedBelow];
    },
    epoch: (epoch) => (epochSeen = epoch),
  });
  return { operations, identity, epochSeen };
}

function generatedRequest({ operations, identity, epoch }: PipelineRequest): unknown {
  return {
    operations: operations.map(generatedOperation),
    identity: identity && [
      hex(identity.session),
      Number(identity.openedMs),
      Number(identity.acknowledgedBelow),
    ],
    epochSeen: Number(epoch),
  };
}

/** What the generated codec reads, in the one form in which it writes; `undefined` when it refuses. */
function canonical<Message>(decode: () => Message): Message | undefined {
  try {
    return decode();
  } catch {
    // What the generated codec throws is the library's affair; ours is that we agree where it does not.
    return undefined;
  }
}

function mustAgree(what: string, ours: unknown, generated: unknown): void {
  const [one, other] = [JSON.stringify(ours), JSON.stringify(generated)];
  if (one !== other)
    throw new Finding(`${what}: the hand-written codec reads ${one}, the generated one ${other}`);
}

/** Operations on their way to a node. */
export const pipelineRequest: FuzzTarget = {
  name: "pipeline-request",
  seeds: () => sampleRequests().map((request) => single(toBinary(PipelineRequestSchema, request))),
  run(input) {
    const bytes = bytesOf(input);
    const message = canonical(() => fromBinary(PipelineRequestSchema, bytes, { readUnknownFields: false }));
    if (message !== undefined) {
      const written = toBinary(PipelineRequestSchema, message);
      mustAgree("a request", readRequest(written), generatedRequest(message));
    }
    readRequest(bytes);
  },
  isRefusal: (error) => error instanceof WireError,
};

function readResult(view: ResultView): unknown[] {
  const origin = [view.shard, view.epoch, view.term, view.revision, view.node];
  const bytes = view.bytes();
  const content = bytes === undefined ? undefined : hex(bytes);
  switch (view.kind) {
    case ResultKind.Write:
      return [view.id, origin, "write", view.positive, view.keyRevision, view.existed, content];
    case ResultKind.Get:
      return [view.id, origin, "get", view.positive, content, view.keyRevision, view.expiresAtMs];
    case ResultKind.Txn:
      return [view.id, origin, "txn"];
    case ResultKind.Error:
      return [view.id, origin, "error"];
  }
}

function generatedResult({ id, kind, origin }: PipelineResponse["results"][number]): unknown[] {
  const from = origin ?? { shard: 0, epoch: 0n, term: 0n, revision: 0n, node: 0 };
  const envelope = [
    Number(id),
    [from.shard, Number(from.epoch), Number(from.term), Number(from.revision), from.node],
  ];
  switch (kind.case) {
    case "write": {
      const { applied, keyRevision, existed, previous } = kind.value;
      return [...envelope, "write", applied, Number(keyRevision), existed, previous && hex(previous)];
    }
    case "get": {
      const { found, payload, keyRevision, expiresAtMs } = kind.value;
      const value = payload.case === "text" ? textHex(payload.value) : payload.value && hex(payload.value);
      return [...envelope, "get", found, value, Number(keyRevision), Number(expiresAtMs)];
    }
    case "txn":
    case "error":
      return [...envelope, kind.case];
    default:
      return [...envelope, "none"];
  }
}

function readResponse(bytes: Uint8Array): unknown {
  const results: unknown[] = [];
  const epoch = visitResponse(bytes, 0, bytes.length, (view) => results.push(readResult(view)));
  return { results, epoch };
}

/** Answers on their way to a client. */
export const pipelineResponse: FuzzTarget = {
  name: "pipeline-response",
  seeds: () => sampleResponses().map((response) => single(toBinary(PipelineResponseSchema, response))),
  run(input) {
    const bytes = bytesOf(input);
    const message = canonical(() => fromBinary(PipelineResponseSchema, bytes, { readUnknownFields: false }));
    if (message !== undefined) {
      const written = toBinary(PipelineResponseSchema, message);
      const generated = { results: message.results.map(generatedResult), epoch: Number(message.epoch) };
      mustAgree("a response", readResponse(written), generated);
    }
    readResponse(bytes);
  },
  isRefusal: (error) => error instanceof WireError,
};

/** For targets that feed single operations. */
export function encodedOperations(): Uint8Array[] {
  return sampleRequests()
    .flatMap(({ operations }) => operations)
    .map((operation) => toBinary(PipelineOperationSchema, create(PipelineOperationSchema, operation)));
}
