import type { Message } from "../../../index.ts";
import type { Checker, Observation, ReplicaView, WorldView } from "../observation.ts";

/** Votes and acknowledgements leave only when what they promise is on the disk (Raft paper, section 5.6 and figure 2). */
export class DurablePromise implements Checker {
  readonly name = "promises are durable before they are made";

  observe(observation: Observation, world: WorldView): string | undefined {
    if (observation.type !== "sent") return undefined;
    const { message } = observation;
    const sender = world.replicas.find(({ id }) => id === message.from);
    return sender === undefined ? undefined : fault(message, sender);
  }
}

function fault(message: Message, { durable }: ReplicaView): string | undefined {
  // A promise of an older term that was held up in the process: it was true when it became durable.
  if (durable.term > message.term) return undefined;
  if (message.type === "voteResponse" && !message.preVote && !message.reject) {
    if (durable.term === message.term && durable.vote === message.to) return undefined;
    return `replica ${message.from} told ${message.to} of a vote in term ${message.term} that is not on its disk`;
  }
  if (message.type === "appendResponse" && !message.reject) {
    if (durable.lastIndex >= message.index && durable.term >= message.term) return undefined;
    return `replica ${message.from} acknowledged ${message.index} in term ${message.term}; its disk ends at ${durable.lastIndex}`;
  }
  if (message.type === "appendRequest" && durable.term < message.term) {
    return `replica ${message.from} leads term ${message.term}, which is not on its disk`;
  }
  return undefined;
}
