/** `KvService.Pipeline` for callers that the fast path does not serve, such as Connect's own protocol over HTTP/2. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import {
  type PipelineRequest,
  PipelineRequestSchema,
  type PipelineResponse,
  PipelineResponseSchema,
} from "@titan-kv/proto";
import { type PipelineContext, PipelineStream } from "./pipeline-stream.ts";

/** Answers that may wait for a caller that does not read; the stream reads no further requests meanwhile. */
const maxWaitingMessages = 1024;

/** Messages on their way from a producer that does not wait to a consumer that does. */
class MessageQueue {
  readonly #messages: Uint8Array[] = [];
  #ended = false;
  #wake: () => void = () => undefined;

  get size(): number {
    return this.#messages.length;
  }

  push(message: Uint8Array): void {
    this.#messages.push(message);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *read(underWay: () => number): AsyncGenerator<Uint8Array> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) yield message;
      else if (this.#ended && underWay() === 0) return;
      else {
        // oxlint-disable-next-line no-await-in-loop -- waiting for the next answer is the purpose
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    }
  }
}

/** Makes the handler of one node. */
export function createPipelineHandler(
  context: PipelineContext,
): (requests: AsyncIterable<PipelineRequest>, call: HandlerContext) => AsyncGenerator<PipelineResponse> {
  return async function* pipeline(requests, call) {
    const queue = new MessageQueue();
    const stream = new PipelineStream({
      context,
      send: (message) => queue.push(message),
      wasForwarded: false,
    });
    let failure: unknown;
    const feed = async (): Promise<void> => {
      for await (const request of requests) {
        const bytes = toBinary(PipelineRequestSchema, request);
        stream.receive(bytes, 0, bytes.length);
        while (queue.size > maxWaitingMessages && !call.signal.aborted) await nextTurn();
      }
    };
    const fed = feed()
      .catch((error: unknown) => (failure = error))
      .finally(() => queue.end());
    try {
      for await (const message of queue.read(() => stream.underWay))
        yield fromBinary(PipelineResponseSchema, message);
      await fed;
      if (failure !== undefined) throw failure;
    } finally {
      stream.close();
    }
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
