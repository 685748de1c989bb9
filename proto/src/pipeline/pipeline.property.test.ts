/** The hand-written codec and the generated one must agree on every message, in both directions. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  GetOperationSchema,
  OperationErrorSchema,
  PipelineRequestSchema,
  PipelineResponseSchema,
  type ReadLevel,
  ReadOptionsSchema,
  TxnOperationSchema,
} from "../index.ts";
import {
  ConditionKind,
  type OperationEnvelope,
  OperationKind,
  OperationView,
  ResultKind,
  type StreamIdentity,
  textSize,
  visitRequest,
  visitResponse,
  WireError,
  WireWriter,
  writeDelete,
  writeErrorResult,
  writeGet,
  writeGetResult,
  writeIdentity,
  writePut,
  writeResponseEpoch,
  writeTxn,
  writeTxnResult,
  writeWriteResult,
} from "./index.ts";

/** As plain bytes: a Buffer would not be deeply equal to a Uint8Array. */
function taken(writer: WireWriter): Uint8Array {
  return new Uint8Array(writer.take());
}

const utf8 = new TextEncoder();
const safeNumber = fc.oneof(fc.constant(0), fc.nat(), fc.maxSafeNat());
const bytes = fc.uint8Array({ maxLength: 300 });
const key = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
const uint32 = fc.nat({ max: 0xffff_ffff });

const envelope = fc.record({ id: safeNumber, seq: safeNumber, timeoutMs: uint32 });
const condition = fc.oneof(
  fc.constant({ conditionKind: ConditionKind.None, conditionRevision: 0 }),
  fc.record({ conditionKind: fc.constant(ConditionKind.IfRevision), conditionRevision: safeNumber }),
  fc.constant({ conditionKind: ConditionKind.IfAbsent, conditionRevision: 0 }),
  fc.constant({ conditionKind: ConditionKind.IfPresent, conditionRevision: 0 }),
);
const put = fc.record({ key, value: bytes, ttlMs: safeNumber, returnPrevious: fc.boolean(), condition });
const get = fc.record({ key, level: fc.nat({ max: 5 }), minRevision: safeNumber, maxStalenessMs: uint32 });
const origin = fc.record({
  shard: uint32,
  epoch: safeNumber,
  term: safeNumber,
  revision: safeNumber,
  node: uint32,
});

interface GeneratedCondition {
  condition: { case: "ifRevision"; value: bigint } | { case: "ifAbsent"; value: boolean };
}

function generatedCondition(kind: ConditionKind, revision: number): GeneratedCondition | undefined {
  switch (kind) {
    case ConditionKind.None:
      return undefined;
    case ConditionKind.IfRevision:
      return { condition: { case: "ifRevision", value: BigInt(revision) } };
    case ConditionKind.IfAbsent:
    case ConditionKind.IfPresent:
      return { condition: { case: "ifAbsent", value: kind === ConditionKind.IfAbsent } };
  }
}

function generatedEnvelope(value: OperationEnvelope): { id: bigint; seq: bigint; timeoutMs: number } {
  return { id: BigInt(value.id), seq: BigInt(value.seq), timeoutMs: value.timeoutMs };
}

/** The views of all operations of a request, copied out of the reused object. */
function viewsOf(request: Uint8Array): OperationView[] {
  const views: OperationView[] = [];
  visitRequest(request, 0, request.length, {
    operation: (buffer, start, end) => {
      const view = new OperationView();
      view.read(buffer, start, end);
      views.push(view);
    },
    identity: () => undefined,
    epoch: () => undefined,
  });
  return views;
}

describe("keys and values given as text", () => {
  // Around the length at which the writer changes its way, with one and with several bytes per character.
  const text = fc.string({
    unit: fc.constantFrom("a", "~", "\u007f", "é", "✓", "🙂"),
    minLength: 1,
    maxLength: 100,
  });
  const long = fc.string({ unit: "grapheme-ascii", minLength: 40, maxLength: 60 });

  test("are written as their UTF-8 bytes", () => {
    fc.assert(
      fc.property(envelope, put, fc.oneof(text, long), fc.oneof(text, long), (e, p, name, value) => {
        const fields = { ...p, ...p.condition };
        const asText = new WireWriter();
        const asBytes = new WireWriter();
        const encoded = { key: utf8.encode(name), value: utf8.encode(value) };
        writePut(asText, e, { ...fields, key: name, value });
        writePut(asBytes, e, { ...fields, ...encoded });
        writeDelete(asText, e, { ...fields, key: name });
        writeDelete(asBytes, e, { ...fields, key: encoded.key });
        writeGet(asText, e, { key: name, level: 1, minRevision: 2, maxStalenessMs: 3 });
        writeGet(asBytes, e, { key: encoded.key, level: 1, minRevision: 2, maxStalenessMs: 3 });
        expect(taken(asText)).toEqual(taken(asBytes));
        expect(textSize(name)).toBe(encoded.key.length);
      }),
    );
  });
});

describe("requests", () => {
  test("a put is written as the generated code writes it, and read back", () => {
    fc.assert(
      fc.property(envelope, put, (e, p) => {
        const { condition: c, key: text, ...rest } = p;
        const writer = new WireWriter();
        writePut(writer, e, { ...rest, ...c, key: utf8.encode(text) });
        const written = taken(writer);
        const expected = create(PipelineRequestSchema, {
          operations: [
            {
              ...generatedEnvelope(e),
              kind: {
                case: "put",
                value: {
                  key: text,
                  payload: { case: "value", value: p.value },
                  ttlMs: BigInt(p.ttlMs),
                  returnPrevious: p.returnPrevious,
                  ...(c.conditionKind === ConditionKind.None
                    ? {}
                    : { condition: generatedCondition(c.conditionKind, c.conditionRevision)! }),
                },
              },
            },
          ],
        });
        expect(fromBinary(PipelineRequestSchema, written)).toEqual(expected);
        const [view] = viewsOf(toBinary(PipelineRequestSchema, expected));
        expect(view).toMatchObject({ ...e, ...c, kind: OperationKind.Put, ttlMs: p.ttlMs });
        expect(view!.returnPrevious).toBe(p.returnPrevious);
        expect(Buffer.from(view!.key()).toString()).toBe(text);
        expect(Buffer.from(view!.value()).equals(p.value)).toBe(true);
      }),
    );
  });

  test("a delete is written as the generated code writes it, and read back", () => {
    fc.assert(
      fc.property(envelope, put, (e, p) => {
        const c = p.condition;
        const writer = new WireWriter();
        writeDelete(writer, e, { ...c, key: utf8.encode(p.key), ttlMs: 0, returnPrevious: p.returnPrevious });
        const generated = generatedCondition(c.conditionKind, c.conditionRevision);
        const expected = create(PipelineRequestSchema, {
          operations: [
            {
              ...generatedEnvelope(e),
              kind: {
                case: "delete",
                value: {
                  key: p.key,
                  returnPrevious: p.returnPrevious,
                  ...(generated === undefined ? {} : { condition: generated }),
                },
              },
            },
          ],
        });
        const written = taken(writer);
        expect(fromBinary(PipelineRequestSchema, written)).toEqual(expected);
        const [view] = viewsOf(toBinary(PipelineRequestSchema, expected));
        expect(view).toMatchObject({
          ...e,
          ...c,
          kind: OperationKind.Delete,
          returnPrevious: p.returnPrevious,
        });
        expect(Buffer.from(view!.key()).toString()).toBe(p.key);
      }),
    );
  });

  test("a get is written as the generated code writes it, and read back", () => {
    fc.assert(
      fc.property(envelope, get, (e, g) => {
        const writer = new WireWriter();
        writeGet(writer, e, { ...g, key: utf8.encode(g.key) });
        const { key: text, level, minRevision, maxStalenessMs } = g;
        const isDefault = level === 0 && minRevision === 0 && maxStalenessMs === 0;
        const read = create(ReadOptionsSchema, {
          level: level as ReadLevel,
          minRevision: BigInt(minRevision),
          maxStalenessMs,
        });
        const expected = create(PipelineRequestSchema, {
          operations: [
            {
              ...generatedEnvelope(e),
              kind: {
                case: "get",
                value: create(GetOperationSchema, isDefault ? { key: text } : { key: text, read }),
              },
            },
          ],
        });
        expect(fromBinary(PipelineRequestSchema, taken(writer))).toEqual(expected);
        const [view] = viewsOf(toBinary(PipelineRequestSchema, expected));
        expect(view).toMatchObject({
          ...e,
          kind: OperationKind.Get,
          readLevel: level,
          minRevision,
          maxStalenessMs,
        });
        expect(Buffer.from(view!.key()).toString()).toBe(text);
      }),
    );
  });

  test("a transaction and an identity pass through", () => {
    const txn = create(TxnOperationSchema, {
      compare: [{ key: "a", condition: { case: "exists", value: false } }],
    });
    const identity = {
      session: new Uint8Array(16).fill(7),
      openedMs: 1_800_000_000_000,
      acknowledgedBelow: 3,
    };
    const writer = new WireWriter();
    writeIdentity(writer, identity);
    writeTxn(writer, { id: 1, seq: 2, timeoutMs: 3 }, toBinary(TxnOperationSchema, txn));
    const written = taken(writer);
    const generated = fromBinary(PipelineRequestSchema, written);
    expect(generated.operations[0]!.kind).toEqual({ case: "txn", value: txn });
    expect(generated.identity!.openedMs).toBe(1_800_000_000_000n);
    const [view] = viewsOf(written);
    expect(fromBinary(TxnOperationSchema, view!.buffer.subarray(view!.txnStart, view!.txnEnd))).toEqual(txn);
    let seen: StreamIdentity | undefined;
    visitRequest(written, 0, written.length, {
      operation: () => undefined,
      identity: (value) => (seen = value),
      epoch: () => undefined,
    });
    expect(seen).toMatchObject({ openedMs: identity.openedMs, acknowledgedBelow: 3 });
    expect(Buffer.from(seen!.session).equals(identity.session)).toBe(true);
  });

  test("any bytes are either a request or a WireError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        try {
          viewsOf(input);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test("a valid request with one changed byte is either a request or a WireError", () => {
    const writer = new WireWriter();
    writePut(
      writer,
      { id: 300, seq: 9, timeoutMs: 5000 },
      {
        key: utf8.encode("user:1"),
        value: utf8.encode("hello"),
        ttlMs: 1,
        conditionKind: ConditionKind.IfRevision,
        conditionRevision: 12,
        returnPrevious: true,
      },
    );
    writeGet(
      writer,
      { id: 1, seq: 0, timeoutMs: 1 },
      { key: utf8.encode("k"), level: 1, minRevision: 2, maxStalenessMs: 3 },
    );
    const valid = taken(writer);
    for (let position = 0; position < valid.length; position += 1) {
      for (let value = 0; value < 256; value += 1) {
        const damaged = Uint8Array.from(valid);
        damaged[position] = value;
        try {
          viewsOf(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }
    }
  });
});

describe("responses", () => {
  test("results are written as the generated code writes them, and read back", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            id: safeNumber,
            flag: fc.boolean(),
            revision: safeNumber,
            bytes: fc.option(bytes),
            origin,
          }),
        ),
        safeNumber,
        (results, epoch) => {
          const writer = new WireWriter();
          for (const { id, flag, revision, bytes: value, origin: from } of results) {
            if (id % 2 === 0) {
              const write = {
                applied: flag,
                keyRevision: revision,
                existed: !flag,
                previous: value ?? undefined,
              };
              writeWriteResult(writer, id, write, from);
            } else {
              const found = {
                found: flag,
                value: value ?? undefined,
                keyRevision: revision,
                expiresAtMs: revision,
              };
              writeGetResult(writer, id, found, from);
            }
          }
          writeResponseEpoch(writer, epoch);
          const written = taken(writer);
          const generated = fromBinary(PipelineResponseSchema, written);
          expect(generated.epoch).toBe(BigInt(epoch));
          expect(Buffer.from(toBinary(PipelineResponseSchema, generated)).equals(written)).toBe(true);
          let index = 0;
          const seenEpoch = visitResponse(written, 0, written.length, (view) => {
            const expected = results[index]!;
            index += 1;
            expect(view).toMatchObject({
              id: expected.id,
              positive: expected.flag,
              keyRevision: expected.revision,
            });
            expect(view).toMatchObject(expected.origin);
            expect(view.bytes()).toEqual(expected.bytes === null ? undefined : expected.bytes);
          });
          expect(index).toBe(results.length);
          expect(seenEpoch).toBe(epoch);
        },
      ),
    );
  });

  test("transaction results and errors pass through", () => {
    const writer = new WireWriter();
    const error = toBinary(
      OperationErrorSchema,
      create(OperationErrorSchema, { code: 14, message: "try again" }),
    );
    writeErrorResult(writer, 5, error);
    writeTxnResult(writer, 6, new Uint8Array([8, 1]), { shard: 1, epoch: 2, term: 3, revision: 4, node: 5 });
    const written = taken(writer);
    const generated = fromBinary(PipelineResponseSchema, written);
    expect(generated.results[0]!.kind).toMatchObject({
      case: "error",
      value: { code: 14, message: "try again" },
    });
    expect(generated.results[1]!.kind).toMatchObject({ case: "txn", value: { succeeded: true } });
    const kinds: ResultKind[] = [];
    visitResponse(written, 0, written.length, (view) => kinds.push(view.kind));
    expect(kinds).toEqual([ResultKind.Error, ResultKind.Txn]);
  });

  test("any bytes are either a response or a WireError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        try {
          visitResponse(input, 0, input.length, () => undefined);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
