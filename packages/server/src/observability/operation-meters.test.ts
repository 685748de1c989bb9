import { OperationKind } from "@titan-kv/proto/pipeline";
import { ReadLevel } from "@titan-kv/proto";
import { expect, test } from "vitest";
import { ApiError } from "../http/api-error.ts";
import { createNodeMetrics } from "./node-metrics.ts";
import { OperationMeters } from "./operation-meters.ts";

test("operations are counted under the name of the call, by level and code, with the time they took", () => {
  const metrics = createNodeMetrics();
  const meters = new OperationMeters(metrics, () => 1500);
  const overloaded = new ApiError({ reason: "OVERLOADED", outcome: "NOT_APPLIED", message: "full" });
  meters.of(OperationKind.Put, 0).settled(500, undefined);
  meters.of(OperationKind.Put, 7).settled(500, overloaded);
  meters.of(OperationKind.Get, ReadLevel.LOCAL).settled(1400, undefined);
  for (let level = 100; level < 10_000; level += 1)
    meters.of(OperationKind.Get, level).settled(1500, undefined);
  const counted = [...metrics.requestDuration.series()].map(({ labels, cell }) => {
    return [...Object.values(labels), cell.counts.reduce((sum, count) => sum + count, 0), cell.sum];
  });
  const put = "titan.kv.v1.KvService.Put";
  const get = "titan.kv.v1.KvService.Get";
  expect(counted).toEqual(
    expect.arrayContaining([
      [put, "", "ok", 1, 1],
      [put, "", "resource_exhausted", 1, 1],
      [get, "local", "ok", 1, 0.1],
      [get, "linearizable", "ok", 9900, 0],
    ]),
  );
  expect(counted.length).toBe(4);
});
