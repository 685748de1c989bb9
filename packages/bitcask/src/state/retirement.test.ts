import { expect, it } from "vitest";
import { Retirement } from "./retirement.ts";

it("keeps a thing until every snapshot that was live when it was retired is released, and no longer", () => {
  const retirement = new Retirement();
  const discarded: string[] = [];
  retirement.whenUnseen(() => discarded.push("nobody looking"));
  const first = retirement.hold();
  retirement.whenUnseen(() => discarded.push("seen by first"));
  const second = retirement.hold();
  retirement.whenUnseen(() => discarded.push("seen by both"));
  expect(discarded).toEqual(["nobody looking"]);
  first();
  first();
  expect(discarded).toEqual(["nobody looking", "seen by first"]);
  const third = retirement.hold();
  second();
  expect([discarded.at(-1), retirement.snapshots, retirement.kept]).toEqual(["seen by both", 1, 0]);
  retirement.whenUnseen(() => discarded.push("at closing"));
  retirement.discardAll();
  third();
  expect(discarded.at(-1)).toBe("at closing");
});
