/** Every kind of fault there is. */
import { clock } from "./clock-faults.ts";
import { disk, diskFull } from "./disk-faults.ts";
import type { FaultKind } from "./fault.ts";
import { membership } from "./membership-faults.ts";
import { partition, slow } from "./network-faults.ts";
import { kill, pause, power, restart } from "./process-faults.ts";

export const faultKinds: readonly FaultKind[] = [
  kill,
  power,
  pause,
  restart,
  disk,
  diskFull,
  clock,
  partition,
  slow,
  membership,
];

/** The kinds with these names. @throws RangeError naming one that does not exist. */
export function faultKindsOf(names: readonly string[]): FaultKind[] {
  return names.map((name) => {
    const kind = faultKinds.find((each) => each.name === name);
    if (kind !== undefined) return kind;
    const known = faultKinds.map((each) => each.name).join(", ");
    throw new RangeError(`there is no fault ${JSON.stringify(name)}; there are ${known}`);
  });
}
