import { HashRing, RingError, SLOT_COUNT, SlotTable } from "@titan-kv/ring";
import { bytesOf, type FuzzTarget, single } from "../src/fuzz-target.ts";
import { changeJson } from "../support/json-changes.ts";

/** What is not JSON is not the ring's to refuse. */
class NotJson extends Error {}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8")) as unknown;
  } catch (error) {
    throw new NotJson("not JSON", { cause: error });
  }
}

/** Rings and slot tables in their exchange format. */
export const ringJson: FuzzTarget = {
  name: "ring-json",
  seeds: () => {
    const ring = new HashRing([{ id: "a" }, { id: "b", weight: 2, zone: "z" }]);
    const table = new SlotTable({
      members: ["a", "b"],
      owners: Array.from({ length: SLOT_COUNT }, (_, slot) => (slot < 9000 ? 0 : 1)),
    });
    return [single(Buffer.from(JSON.stringify(ring))), single(Buffer.from(JSON.stringify(table)))];
  },
  vary: (seed, random) => single(Buffer.from(changeJson(bytesOf(seed).toString("utf8"), random))),
  run(input, random) {
    const value = parse(bytesOf(input));
    if (random() < 0.5) SlotTable.fromJSON(value).ownerOf(5);
    else HashRing.fromJSON(value).getNode("key");
  },
  isRefusal: (error) => error instanceof RingError || error instanceof NotJson,
  // A ring's points: the format allows members with large weights, and the package bounds their number.
  maxAllocatedBytes: (inputBytes) => 64 * 1024 * 1024 + 64 * inputBytes,
};
