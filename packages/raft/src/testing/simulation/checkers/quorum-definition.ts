import type { Configuration } from "../../../index.ts";

/** Whether those who satisfy the condition are a majority of each half: the definition, apart from the core's own. */
export function isQuorum(
  { voters, votersOutgoing }: Configuration,
  holds: (replica: number) => boolean,
): boolean {
  return [voters, votersOutgoing]
    .filter((half) => half.length > 0)
    .every((half) => half.filter((replica) => holds(replica)).length * 2 > half.length);
}
