import { expect, test } from "vitest";
import {
  grpcPrefixBytes,
  putRequest,
  rangeRequest,
  rangeResponse,
  valueInRangeResponse,
} from "./etcd-messages.ts";

test("requests are the bytes that etcd's definitions give", () => {
  expect(rangeRequest("ab").toString("hex")).toBe("00000000040a026162");
  expect(putRequest("a", Buffer.from("xyz")).toString("hex")).toBe("00000000080a0161120378797a");
});

test("lengths from 128 on take two bytes", () => {
  const message = putRequest("a", Buffer.alloc(300));
  expect(message.subarray(grpcPrefixBytes + 3, grpcPrefixBytes + 6).toString("hex")).toBe("12ac02");
  expect(message.length).toBe(grpcPrefixBytes + 3 + 3 + 300);
});

test("the value is found in what the stub sends", () => {
  const value = Buffer.alloc(1024, 7);
  expect(valueInRangeResponse(rangeResponse("key", value))).toEqual(value);
});

test("the value is found behind the header and the revisions of a real answer", () => {
  // header{cluster_id: 2^63+1, revision: 5}, kvs{key: "k", create_revision: 2, mod_revision: 3, version: 1, value: "v"}, count: 1
  const header = "08818080808080808080011805";
  const entry = "0a016b1002180320012a0176";
  const content = `0a0d${header}120c${entry}2001`;
  const message = Buffer.concat([Buffer.from([0, 0, 0, 0, content.length / 2]), Buffer.from(content, "hex")]);
  expect(valueInRangeResponse(message)?.toString()).toBe("v");
});

test("an answer without entries has no value", () => {
  expect(valueInRangeResponse(Buffer.from("00000000040a021805", "hex"))).toBeUndefined();
});
