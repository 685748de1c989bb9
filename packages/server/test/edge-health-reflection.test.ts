import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import { KvService } from "@titan-kv/proto";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "@titan-kv/proto/health";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from "@titan-kv/proto/reflection";
import { GrpcReflection } from "grpc-js-reflection-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ClientPort } from "../src/http/client-port.ts";
import { HealthStates, healthRoutes } from "../src/http/health.ts";
import { reflectionRoutes } from "../src/http/reflection.ts";
import { kvRoutes, openTestPort, urlOf } from "./edge/test-port.ts";

let port: ClientPort;
let states: HealthStates;

beforeEach(async () => {
  states = new HealthStates([KvService.typeName]);
  port = await openTestPort({
    routes: (router) => {
      kvRoutes()(router);
      healthRoutes(states)(router);
      reflectionRoutes([KvService, Health])(router);
    },
  });
});
afterEach(() => port.stop(0));

type Question = MessageInitShape<typeof ServerReflectionRequestSchema>;

/** Asks over one stream, and returns the answers in order. */
async function ask(...questions: readonly Question[]): Promise<ServerReflectionResponse[]> {
  const reflection = createClient(ServerReflection, createGrpcTransport({ baseUrl: urlOf(port) }));
  const answers: ServerReflectionResponse[] = [];
  const stream = reflection.serverReflectionInfo(
    (async function* () {
      yield* questions;
    })(),
  );
  for await (const answer of stream) answers.push(answer);
  return answers;
}

/** Names of the files in an answer. */
function names(answer: ServerReflectionResponse | undefined): string[] {
  if (answer?.messageResponse.case !== "fileDescriptorResponse") return [];
  const files = answer.messageResponse.value.fileDescriptorProto;
  return files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

describe("health", () => {
  test("is asked for the server and for a service; an unknown one is not found", async () => {
    const health = createClient(Health, createGrpcTransport({ baseUrl: urlOf(port) }));
    expect((await health.check({})).status).toBe(ServingStatus.NOT_SERVING);
    states.setAll(true);
    expect((await health.check({})).status).toBe(ServingStatus.SERVING);
    expect((await health.check({ service: KvService.typeName })).status).toBe(ServingStatus.SERVING);
    states.set(KvService.typeName, false);
    expect((await health.check({ service: KvService.typeName })).status).toBe(ServingStatus.NOT_SERVING);
    await expect(health.check({ service: "nobody" })).rejects.toMatchObject({ code: Code.NotFound });
  });

  test("is watched: the state now, then each change, also of a service that comes later", async () => {
    const health = createClient(Health, createGrpcTransport({ baseUrl: urlOf(port) }));
    const whole = health.watch({})[Symbol.asyncIterator]();
    const later = health.watch({ service: "later" })[Symbol.asyncIterator]();
    const next = async (stream: typeof whole): Promise<ServingStatus> =>
      (await stream.next()).value.status as ServingStatus;
    expect([await next(whole), await next(later)]).toEqual([
      ServingStatus.NOT_SERVING,
      ServingStatus.SERVICE_UNKNOWN,
    ]);
    states.set("", true);
    states.set("", true);
    expect(await next(whole)).toBe(ServingStatus.SERVING);
    states.set("later", true);
    expect(await next(later)).toBe(ServingStatus.SERVING);
    states.set("", false);
    expect(await next(whole)).toBe(ServingStatus.NOT_SERVING);
    // A client that waits does not keep the port from stopping.
    const ended = whole.next().catch((error: unknown) => error);
    await port.stop(5000);
    expect(await ended).toMatchObject({ code: Code.Unavailable });
  });
});

describe.each(["v1", "v1alpha"] as const)("reflection %s, asked by a client from npm", (version) => {
  const client = (): GrpcReflection =>
    new GrpcReflection(`127.0.0.1:${port.address.port}`, grpc.credentials.createInsecure(), {}, version);

  test("lists the services and their methods", async () => {
    expect(await client().listServices()).toEqual([
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "titan.kv.v1.KvService",
    ]);
    const methods = await client().listMethods("titan.kv.v1.KvService");
    expect(methods.map(({ name }) => name)).toEqual(KvService.methods.map(({ name }) => name));
  });

  test("gives files by name and symbol, and says what it does not know", async () => {
    await expect(client().getDescriptorByFileName("titan/kv/v1/kv.proto")).resolves.toBeDefined();
    await expect(client().getDescriptorBySymbol("titan.kv.v1.PutOperation")).resolves.toBeDefined();
    await expect(client().getDescriptorBySymbol("titan.kv.v1.Nothing")).rejects.toThrow("not found");
    await expect(client().getDescriptorByFileName("nothing.proto")).rejects.toThrow("not found");
    expect(await client().getAllExtensionNumbersOfType("titan.kv.v1.PutOperation")).toEqual({
      base_type_name: "titan.kv.v1.PutOperation",
      extension_number: [],
    });
    await expect(client().getAllExtensionNumbersOfType("titan.kv.v1.Nothing")).rejects.toThrow("not found");
  });

  test("is enough for @grpc/grpc-js to put a key without any file of ours", async () => {
    const descriptor = await client().getDescriptorBySymbol("titan.kv.v1.KvService");
    const tree = descriptor.getPackageObject({ longs: String }) as unknown as {
      titan: { kv: { v1: { KvService: grpc.ServiceClientConstructor } } };
    };
    const kv = new tree.titan.kv.v1.KvService(
      `127.0.0.1:${port.address.port}`,
      grpc.credentials.createInsecure(),
    );
    const answer = await new Promise<unknown>((resolve, reject) => {
      kv["put"]!({ key: "k", text: "hello" }, (error: unknown, value: unknown) =>
        error === null ? resolve(value) : reject(error),
      );
    });
    expect(answer).toMatchObject({ result: { applied: true, key_revision: "5" } });
    const failure = await new Promise<grpc.ServiceError>((resolve) => {
      kv["put"]!({ key: "fail" }, (error: grpc.ServiceError) => resolve(error));
    });
    expect(failure.code).toBe(grpc.status.UNAVAILABLE);
    expect(failure.metadata.get("grpc-status-details-bin")).toHaveLength(1);
    kv.close();
  });
});

describe("reflection on one stream", () => {
  test("sends each imported file once, the file that was asked for always", async () => {
    const symbol = {
      messageRequest: { case: "fileContainingSymbol", value: "titan.kv.v1.KvService.Put" },
    } as const;
    const [first, second] = await ask(symbol, symbol);
    expect(names(first)[0]).toBe("titan/kv/v1/kv.proto");
    expect(names(first)).toContain("titan/kv/v1/error.proto");
    expect(names(second)).toEqual(["titan/kv/v1/kv.proto"]);
    expect(first?.originalRequest?.messageRequest).toEqual(symbol.messageRequest);
  });

  test.each([
    "titan.kv.v1.KvService",
    "titan.kv.v1.PutOperation.ttl_ms",
    "titan.kv.v1.PutOperation.payload",
    "titan.kv.v1.WatchEvent.Kind",
    "titan.kv.v1.WatchEvent.KIND_PUT",
  ])("finds %s", async (value) => {
    const [answer] = await ask({ messageRequest: { case: "fileContainingSymbol", value } });
    expect(answer?.messageResponse.case).toBe("fileDescriptorResponse");
  });

  test("answers questions about extensions, and refuses an empty question", async () => {
    const [extension] = await ask({
      messageRequest: {
        case: "fileContainingExtension",
        value: { containingType: "titan.kv.v1.PutOperation", extensionNumber: 7 },
      },
    });
    expect(extension?.messageResponse).toMatchObject({
      case: "errorResponse",
      value: { errorCode: Code.NotFound },
    });
    await expect(ask({})).rejects.toMatchObject({ code: Code.InvalidArgument });
  });
});
