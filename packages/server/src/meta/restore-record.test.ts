import { expect, test } from "vitest";
import { decideRestore, noRestores, type RestoreMetaCommand, type RestoreRecord } from "./restore-record.ts";

function begin(token: string, restart = false): RestoreMetaCommand {
  return { type: "beginRestore", restart, token, beganMs: 1 };
}

function decide(record: RestoreRecord, ...commands: RestoreMetaCommand[]): RestoreRecord | string {
  let current = record;
  for (const command of commands) {
    const decision = decideRestore(current, command);
    if ("refusal" in decision) return decision.refusal;
    current = decision.record;
  }
  return current;
}

test("a restore is begun and finished once, however often it is said", () => {
  const finish = { type: "finishRestore", number: 1 } as const;
  const record = decide(noRestores, begin("a"), begin("a"), finish, finish);
  expect(record).toMatchObject({ begun: 1, finished: 1, active: false });
});

test("one that has not finished is only taken over on purpose, and cannot finish then", () => {
  expect(decide(noRestores, begin("a"), begin("b"))).toBe("RESTORE_UNFINISHED");
  const taken = decide(noRestores, begin("a"), begin("b", true)) as RestoreRecord;
  expect(taken).toMatchObject({ begun: 2, finished: 0, active: true });
  expect(decide(taken, { type: "finishRestore", number: 1 })).toBe("RESTORE_SUPERSEDED");
  expect(decide(taken, { type: "abandonRestore", number: 1 })).toBe("RESTORE_SUPERSEDED");
});

test("what was abandoned does not finish, and what was finished is not abandoned", () => {
  const abandon = { type: "abandonRestore", number: 1 } as const;
  const finish = { type: "finishRestore", number: 1 } as const;
  expect(decide(noRestores, begin("a"), abandon, abandon)).toMatchObject({ finished: 0, active: false });
  expect(decide(noRestores, begin("a"), abandon, finish)).toBe("RESTORE_SUPERSEDED");
  expect(decide(noRestores, begin("a"), finish, abandon)).toBe("RESTORE_SUPERSEDED");
});
