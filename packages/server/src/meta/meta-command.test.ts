import { expect, test } from "vitest";
import { decodeMetaCommand, type MetaCommand, encodeMetaCommand, MetaCommandError } from "./meta-command.ts";

const node = { id: 1, address: "a:1", peerAddress: "a:2", zone: "", weight: 1, version: "1" };
const found = { type: "found", clusterId: "c", replicationFactor: 3, nodes: [node] } as const;

function encoded(command: unknown): Uint8Array {
  return Buffer.concat([Uint8Array.of(1), Buffer.from(JSON.stringify(command) ?? "")]);
}

test.each<MetaCommand>([
  found,
  { type: "beginRestore", restart: true, token: "t", beganMs: 1.5 },
  { type: "finishRestore", number: 1 },
  { type: "abandonRestore", number: 1 },
  { type: "setReplicas", version: 1, shard: 2, replicas: [{ node: 1, replica: 5, role: "voter" }] },
])("$type comes back as it was", (command) => {
  expect(decodeMetaCommand(encodeMetaCommand(command))).toEqual(command);
});

test.each([
  ["another format", Uint8Array.of(2, 0x7b, 0x7d)],
  ["nothing", new Uint8Array(0)],
  ["what is not JSON", Uint8Array.of(1, 0x7b)],
  ["no object", encoded(null)],
  ["an unknown type", encoded({ type: "explode" })],
  ["a missing list", encoded({ ...found, nodes: undefined })],
  ["founders without a node", encoded({ ...found, nodes: [] })],
  ["two founders with one id", encoded({ ...found, nodes: [node, node] })],
  ["a weight that no ring can hold", encoded({ ...found, nodes: [{ ...node, weight: 1e308 }] })],
  ["a list where a number belongs", encoded({ type: "reseedReplica", shard: [1], node: 1 })],
  ["an unknown state", encoded({ type: "setNodeState", node: 1, state: "gone" })],
])("%s is refused before it can reach the map", (_what, bytes) => {
  expect(() => decodeMetaCommand(bytes)).toThrow(MetaCommandError);
});
