import { ConnectError } from "@connectrpc/connect";
import type { SaveShardResponse } from "@titan-kv/proto/peer";
import { fromConnectError } from "../http/error-mapping.ts";
import type { ShardView } from "./shard-view.ts";
import type { ShardDescription } from "./snapshot-format.ts";

/** Opens a view of another node's replica. @throws ApiError as `openLocalView` does there, or when the node is away. */
export async function openRemoteView(
  open: (signal: AbortSignal) => AsyncIterable<SaveShardResponse>,
): Promise<ShardView> {
  const controller = new AbortController();
  const messages = apiErrors(open(controller.signal))[Symbol.asyncIterator]();
  const first = await messages.next();
  if (first.done === true) throw new Error("a node ended a shard's stream before it began");
  return {
    // Written by `saveShard` on a node of this cluster.
    description: JSON.parse(Buffer.from(first.value.description).toString("utf8")) as ShardDescription,
    blocks: async function* () {
      for (;;) {
        // oxlint-disable-next-line no-await-in-loop -- a stream is read one message after the other
        const { value, done } = await messages.next();
        if (done === true) return;
        yield { records: value.records, keys: value.keys };
      }
    },
    release: () => controller.abort(),
  };
}

async function* apiErrors(
  messages: AsyncIterable<SaveShardResponse>,
): AsyncGenerator<SaveShardResponse, void> {
  try {
    yield* messages;
  } catch (error) {
    throw error instanceof ConnectError ? fromConnectError(error) : error;
  }
}
