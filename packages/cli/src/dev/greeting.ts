/** What a user of a new development cluster is told. */
import { runsFromSource, sourceLauncher } from "../program/entry.ts";
import { paint, type Terminal } from "../program/terminal.ts";
import type { DevStatus } from "./control-protocol.ts";
import { defaultDevDirectory, type DevDirectory } from "./dev-layout.ts";
import { DevDirectory as Directory } from "./dev-layout.ts";

/** Cluster, addresses, and the first things to try. */
export function greeting(
  status: DevStatus,
  directory: DevDirectory,
  facts: { readonly isNew: boolean; readonly tookMs: number },
  terminal: Terminal,
): string {
  const [first = { address: "127.0.0.1:4100" }] = status.nodes;
  const strong = (text: string): string => paint(terminal, "bold", text);
  const command = (text: string): string => paint(terminal, "cyan", text);
  const isDefaultPlace = directory.path === new Directory(defaultDevDirectory).path;
  const place = isDefaultPlace ? "" : ` --dir ${directory.path}`;
  const isDefaultPort = first.address.endsWith(":4100");
  const endpoint = isDefaultPort ? "" : ` --endpoint ${first.address}`;
  const nodes = status.nodes.map(
    ({ node, name, address, pid }) => `  ${name}  node ${node}  http://${address}  process ${pid}`,
  );
  const age = facts.isNew ? "a new cluster" : "the cluster as it was left";
  return [
    strong(`${status.nodes.length} nodes serve after ${(facts.tookMs / 1000).toFixed(1)} s: ${age}`),
    ...nodes,
    `  data  ${status.directory}`,
    "",
    ...(runsFromSource
      ? [strong("In another terminal, first"), command(`  alias titan='node ${sourceLauncher}'`)]
      : []),
    strong("Use it"),
    command(`  titan put greeting hello${endpoint}`),
    command(`  titan get greeting${endpoint}`),
    command(`  titan status${endpoint}`),
    command(
      `  curl -H 'content-type: application/json' ${first.address}/titan.kv.v1.KvService/Get -d '{"key":"greeting"}'`,
    ),
    strong("From TypeScript"),
    command(`  import { connect } from "@titan-kv/client";`),
    command(`  await using kv = await connect("${first.address}");`),
    command(`  await kv.put("user:1", "hello");`),
    strong("Break it"),
    command(`  titan dev kill 2${place}`) + "          as kill -9; titan dev restart 2 brings it back",
    command(`  titan dev pause 3${place}`) + "         its time stands still; titan dev resume 3",
    command(`  titan dev partition 1,2 3${place}`) +
      " the network between the two sides is cut; titan dev heal",
    "",
    `Ctrl-C stops the cluster; the data stays, the next start goes on with it.`,
  ].join("\n");
}
