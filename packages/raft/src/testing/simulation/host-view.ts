// Replicas of whole nodes, as the checkers see them: what they believe, and what is on their disks.

import type { Status } from "../../index.ts";
import type { DiskImage } from "./disk-image.ts";
import type { ReplicaView } from "./observation.ts";
import type { ObservedLog } from "./observed-log.ts";

/**
 * Of a disk that is gone, or that an error has changed, nothing is asked: it is the one failure that is allowed for. What
 * counts is that it once had everything.
 */
const beyondDoubt: ReplicaView["durable"] = {
  term: Infinity,
  vote: 0,
  lastIndex: Infinity,
  snapshotIndex: Infinity,
};

/** A replica whose disk is lost. */
export function viewOfLost(id: number): ReplicaView {
  return { id, status: undefined, termAt: notThere, durableTermAt: notThere, durable: beyondDoubt };
}

function notThere(): undefined {
  return undefined;
}

/** A replica; what is durable is only looked at when somebody asks. */
export function viewOf(
  id: number,
  group: number,
  parts: {
    readonly status: Status | undefined;
    readonly log: ObservedLog | undefined;
    readonly image: DiskImage;
    readonly damaged: boolean;
  },
): ReplicaView {
  const { status, log, image, damaged } = parts;
  return {
    id,
    status,
    termAt: (index) => log?.termAt(group, index),
    durableTermAt: (index) => image.termAt(group, index),
    get durable() {
      return damaged ? beyondDoubt : image.durable(group);
    },
  };
}
