/** Reads every object once more after the faults, so that a lost write cannot hide behind the end of the history. */
import { connect, textCodec, type TitanClient, TitanError } from "@titan-kv/client";
import type { FaultCluster } from "../cluster/fault-cluster.ts";
import type { History } from "../workload/history.ts";
import { keyOf } from "../workload/key-space.ts";
import type { Violation } from "./violation.ts";

/** How long the cluster may take to answer everything once it is whole again, in milliseconds. */
const limitMs = 30_000;
/** The caller's number in the record. */
const reader = 0;

async function readOnce(
  client: TitanClient<string, string>,
  history: History,
  fields: { readonly object: string; readonly cell: "a" | "b" },
): Promise<void> {
  const { object, cell } = fields;
  const input = { type: "read", cell } as const;
  const operation = history.begin({ client: reader, object, input, level: "linearizable" });
  try {
    const [result] = await client.batch([{ kind: "get", key: keyOf(object, cell) }], { timeoutMs: limitMs });
    if (result?.kind === "error") throw result.error;
    if (result?.kind !== "read") throw new Error("a read was answered as a write");
    const { entry, origin } = result;
    const reading = { value: entry?.value, revision: entry?.revision ?? 0 };
    history.end(operation, { outcome: "ok", output: { type: "read", reading }, origin });
  } catch (error) {
    if (error instanceof TitanError) history.end(operation, { outcome: "NOT_APPLIED", code: error.code });
    throw error;
  }
}

export async function readEverything(cluster: FaultCluster, history: History): Promise<Violation[]> {
  const seeds = cluster.members.map(({ address }) => address);
  const objects = new Set(history.operations.map(({ object }) => object));
  const client = await connect({ seeds, codec: textCodec, connectTimeoutMs: limitMs });
  try {
    for (const object of objects) {
      for (const cell of ["a", "b"] as const) await readOnce(client, history, { object, cell });
    }
    return [];
  } catch (error) {
    const report = `a read was not answered within ${limitMs} ms after the faults were over: ${String(error)}`;
    return [{ check: "available after healing", report }];
  } finally {
    await client.close();
  }
}
