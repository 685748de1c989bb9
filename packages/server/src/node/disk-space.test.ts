import { Alarm_Kind as AlarmKind } from "@titan-kv/proto";
import { pino } from "pino";
import { expect, test } from "vitest";
import type { ApiError } from "../http/api-error.ts";
import { AlarmBoard } from "./alarm-board.ts";
import { DiskSpace, reservedBytes } from "./disk-space.ts";

test("puts are refused while only the reserve is left, and welcome again with room to spare", async () => {
  let free = reservedBytes;
  let refusal: ApiError | undefined;
  const alarms = new AlarmBoard(pino({ level: "silent" }));
  const space = new DiskSpace({
    directory: "anywhere",
    alarms,
    refusePuts: (given) => (refusal = given),
    freeBytes: async () => free,
  });
  await space.check();
  expect(refusal).toBeUndefined();
  free = reservedBytes - 1;
  await space.check();
  expect(refusal).toMatchObject({ reason: "NO_SPACE", outcome: "NOT_APPLIED" });
  expect(alarms.list()).toHaveLength(1);
  // Cleared by somebody, although there is no more room.
  expect(alarms.dismiss(AlarmKind.NO_SPACE, undefined)).toHaveLength(1);
  await space.check();
  expect(alarms.list()).toHaveLength(1);
  free = reservedBytes * 2 - 1;
  await space.check();
  expect(refusal).toBeDefined();
  free = reservedBytes * 2;
  await space.check();
  expect(refusal).toBeUndefined();
  expect(alarms.list()).toEqual([]);
});
