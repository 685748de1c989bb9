/** The reflection protocol of gRPC, so that tools can call a node without its `.proto` files. */
import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { ServerReflection } from "@titan-kv/proto/reflection";
import { ServerReflection as ServerReflectionAlpha } from "@titan-kv/proto/reflection-alpha";
import { DescriptorIndex } from "./descriptor-index.ts";

/** A question in either version of the protocol: they differ in the names of their packages only. */
interface Question {
  readonly host: string;
  readonly messageRequest:
    | {
        readonly case:
          | "fileByFilename"
          | "fileContainingSymbol"
          | "allExtensionNumbersOfType"
          | "listServices";
        readonly value: string;
      }
    | {
        readonly case: "fileContainingExtension";
        readonly value: { readonly containingType: string; readonly extensionNumber: number };
      }
    | { readonly case: undefined };
}

/** An answer in either version. */
type Answer =
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

/** Longest stretch of a caller's own text that an answer repeats. */
const maxRepeatedLength = 200;

function notFound(what: string): Answer {
  const errorMessage = `not found: ${what.slice(0, maxRepeatedLength)}`;
  return { case: "errorResponse", value: { errorCode: Code.NotFound, errorMessage } };
}

function answer(index: DescriptorIndex, question: Question["messageRequest"], sent: Set<string>): Answer {
  const files = (file: ReturnType<DescriptorIndex["fileNamed"]>, what: string): Answer =>
    file === undefined
      ? notFound(what)
      : { case: "fileDescriptorResponse", value: { fileDescriptorProto: index.withImports(file, sent) } };

  switch (question.case) {
    case "fileByFilename":
      return files(index.fileNamed(question.value), `file ${question.value}`);
    case "fileContainingSymbol":
      return files(index.fileOfSymbol(question.value), `symbol ${question.value}`);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = question.value;
      const what = `extension ${extensionNumber} of ${containingType}`;
      return files(index.fileOfExtension(containingType, extensionNumber), what);
    }
    case "allExtensionNumbersOfType": {
      const numbers = index.extensionNumbers(question.value);
      if (numbers === undefined) return notFound(`message ${question.value}`);
      return {
        case: "allExtensionNumbersResponse",
        value: { baseTypeName: question.value, extensionNumber: numbers },
      };
    }
    case "listServices":
      return {
        case: "listServicesResponse",
        value: { service: index.serviceNames.map((name) => ({ name })) },
      };
    case undefined:
      throw new ConnectError("the question is empty: set one of message_request", Code.InvalidArgument);
  }
}

async function* answers<Q extends Question>(
  index: DescriptorIndex,
  questions: AsyncIterable<Q>,
): AsyncIterable<{ validHost: string; originalRequest: Q; messageResponse: Answer }> {
  // Within a stream a file is sent once, as clients expect that put the answers together.
  const sent = new Set<string>();
  for await (const question of questions) {
    yield {
      validHost: question.host,
      originalRequest: question,
      messageResponse: answer(index, question.messageRequest, sent),
    };
  }
}

/** Serves reflection, versions v1 and v1alpha, about `services` and itself. */
export function reflectionRoutes(services: readonly DescService[]): (router: ConnectRouter) => void {
  const index = new DescriptorIndex([...services, ServerReflection, ServerReflectionAlpha]);
  return (router) => {
    router.service(ServerReflection, { serverReflectionInfo: (questions) => answers(index, questions) });
    router.service(ServerReflectionAlpha, { serverReflectionInfo: (questions) => answers(index, questions) });
  };
}
