import { expect, test } from "vitest";
import { ApiError } from "../http/api-error.ts";
import { NodeLog, type NodeLogOptions } from "./node-log.ts";

function logTo(lines: string[], options: Partial<NodeLogOptions> = {}): NodeLog {
  return new NodeLog({
    level: "info",
    fields: { node: 3 },
    destination: { write: (line) => void lines.push(line) },
    ...options,
  });
}

test("a line is JSON with time, level, node and component", () => {
  const lines: string[] = [];
  logTo(lines).component("raft").info({ shard: 1 }, "became leader");
  expect(JSON.parse(lines[0]!)).toMatchObject({
    level: "info",
    node: 3,
    component: "raft",
    shard: 1,
    msg: "became leader",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
  });
});

test("secrets never reach the log, at any of three levels, also as headers", () => {
  const lines: string[] = [];
  const log = logTo(lines).component("http");
  const secrets = {
    token: "s3cret",
    authorization: "Bearer s3cret",
    key: "s3cret",
    "titan-node-token": "s3cret",
  };
  log.info(secrets, "flat");
  log.info({ tls: secrets }, "nested");
  log.info({ request: { headers: secrets } }, "deep");
  expect(lines).toHaveLength(3);
  expect(lines.join()).not.toContain("s3cret");
  expect(lines.join()).toContain("[redacted]");
});

test("an error is logged with its cause, which callers never see", () => {
  const lines: string[] = [];
  const error = new ApiError({
    reason: "INTERNAL",
    outcome: "UNKNOWN",
    message: "internal error",
    cause: new Error("disk on fire"),
  });
  logTo(lines).root.error({ err: error }, "failed");
  expect(lines[0]).toContain("disk on fire");
});

test("a change of level reaches every component, also those that exist already", () => {
  const lines: string[] = [];
  const log = logTo(lines);
  const early = log.component("early");
  early.debug("not written");
  log.level = "debug";
  early.debug("written");
  log.component("late").debug("written too");
  log.root.debug("and this");
  expect(lines).toHaveLength(3);
  expect(log.level).toBe("debug");
});
