import { expect, test } from "vitest";
import { livenessPage, readinessPage } from "./pages.ts";

test("a node that is alive says so; one that is not ready says why, with a status that load balancers understand", () => {
  expect(livenessPage()).toMatchObject({ status: 200, body: "alive\n" });
  expect(readinessPage({ ready: true, reasons: [] })).toMatchObject({ status: 200, body: "ready\n" });
  expect(readinessPage({ ready: false, reasons: ["shard 3 has no leader", "disk full"] })).toMatchObject({
    status: 503,
    body: "not ready: shard 3 has no leader; disk full\n",
  });
});
