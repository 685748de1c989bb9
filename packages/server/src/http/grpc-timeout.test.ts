import { expect, test } from "vitest";
import { grpcTimeoutMs } from "./grpc-timeout.ts";

test.each([
  [undefined, undefined],
  ["1H", 3_600_000],
  ["2M", 120_000],
  ["3S", 3000],
  ["250m", 250],
  ["1500u", 2],
  ["1n", 1],
  ["0m", 0],
  // Longer than timers can be set: as good as no timeout.
  ["99999999H", undefined],
])("%j leaves %j milliseconds", (header, timeoutMs) => {
  expect(grpcTimeoutMs(header)).toBe(timeoutMs);
});

test.each(["", "1", "m", "-1m", "1.5S", "123456789m", "1 m", "1s"])("%j is no timeout", (header) => {
  expect(grpcTimeoutMs(header)).toBeNaN();
});
