// Messages, work and progress as one line of text each, for transcripts that a person can read and a test can compare.

import {
  type AsyncReady,
  type Configuration,
  decodeConfChange,
  type Entry,
  EntryType,
  type Message,
  type ProgressStatus,
  type Ready,
} from "../index.ts";

/** How replicas are called in the text. Default: by number. */
export type NameOf = (replica: number) => string;

/** How the data of entries are shown. Default: as quoted text. */
export type DataOf = (data: Uint8Array) => string;

const defaultName: NameOf = (replica) => String(replica);
const defaultData: DataOf = (data) => JSON.stringify(new TextDecoder().decode(data));

/** `4@2 "x"`: index, term and data of an entry. */
export function describeEntry(entry: Entry, dataOf: DataOf = defaultData): string {
  const place = `${entry.index}@${entry.term}`;
  if (entry.type === EntryType.ConfChange) return `${place} ${describeChange(entry.data)}`;
  return entry.data.length === 0 ? `${place} empty` : `${place} ${dataOf(entry.data)}`;
}

/** `voters (1 2 3)&&(1 2) learners (4) next (3) autoLeave`, with what is empty left out. */
export function describeConfiguration(configuration: Configuration, nameOf: NameOf = defaultName): string {
  const list = (ids: readonly number[]): string => `(${ids.map((id) => nameOf(id)).join(" ")})`;
  const parts = [`voters ${list(configuration.voters)}`];
  if (configuration.votersOutgoing.length > 0) parts[0] += `&&${list(configuration.votersOutgoing)}`;
  if (configuration.learners.length > 0) parts.push(`learners ${list(configuration.learners)}`);
  if (configuration.learnersNext.length > 0) parts.push(`next ${list(configuration.learnersNext)}`);
  if (configuration.autoLeave) parts.push("autoLeave");
  return parts.join(" ");
}

/** `1→2 append term 2 after 3@1 commit 2 [4@2 "x"]` */
export function describeMessage(
  message: Message,
  nameOf: NameOf = defaultName,
  dataOf: DataOf = defaultData,
): string {
  const head = `${nameOf(message.from)}→${nameOf(message.to)}`;
  return `${head} ${describeBody(message, nameOf, dataOf)}`;
}

function describeBody(message: Message, nameOf: NameOf, dataOf: DataOf): string {
  const term = `term ${message.term}`;
  switch (message.type) {
    case "appendRequest": {
      const entries = message.entries.map((entry) => describeEntry(entry, dataOf)).join(", ");
      const after = `after ${message.previousIndex}@${message.previousTerm}`;
      return `append ${term} ${after} commit ${message.commit}${entries === "" ? "" : ` [${entries}]`}`;
    }
    case "appendResponse":
      return message.reject
        ? `append ${term} rejected at ${message.index} hint ${message.hintIndex}@${message.hintTerm}`
        : `append ${term} accepted to ${message.index}`;
    case "voteRequest": {
      const kind = message.preVote ? "pre-vote" : "vote";
      const last = `last ${message.lastIndex}@${message.lastTerm}`;
      return `${kind} ${term} wanted ${last}${message.transfer ? " for a transfer" : ""}`;
    }
    case "voteResponse":
      return `${message.preVote ? "pre-vote" : "vote"} ${term} ${message.reject ? "refused" : "granted"}`;
    case "heartbeat":
      return `heartbeat ${term} commit ${message.commit} round ${message.round}`;
    case "heartbeatResponse":
      return `heartbeat ${term} answered round ${message.round}`;
    case "installSnapshot": {
      const { snapshot } = message;
      const members = describeConfiguration(snapshot.configuration, nameOf);
      return `snapshot ${term} at ${snapshot.index}@${snapshot.term} ${members}`;
    }
    case "timeoutNow":
      return `timeout-now ${term}`;
    case "proposal":
      return `proposal [${message.datas.map((data) => dataOf(data)).join(", ")}]`;
    case "readRequest":
      return `read ${message.ticket} wanted`;
    case "readResponse":
      return `read ${message.ticket} answered at ${message.index}`;
    case "transferRequest":
      break;
  }
  return `transfer to ${nameOf(message.target)} wanted`;
}

/** The work of a replica, a line for each part of it. */
export function describeReady(
  ready: Ready | AsyncReady,
  nameOf: NameOf = defaultName,
  dataOf: DataOf = defaultData,
): string[] {
  const lines: string[] = [];
  const { softState } = ready;
  if (softState !== undefined) {
    lines.push(`${softState.role}${softState.leader === 0 ? "" : `, leader ${nameOf(softState.leader)}`}`);
  }
  const write = "entries" in ready ? ready : ready.append;
  if (write?.hardState !== undefined) {
    const { term, vote, commit } = write.hardState;
    lines.push(`term ${term}${vote === 0 ? "" : ` vote ${nameOf(vote)}`} commit ${commit}`);
  }
  if (write?.snapshot !== undefined) lines.push(`restore ${write.snapshot.index}@${write.snapshot.term}`);
  for (const entry of write?.entries ?? []) lines.push(`write ${describeEntry(entry, dataOf)}`);
  const committed = "entries" in ready ? ready.committedEntries : (ready.apply?.entries ?? []);
  for (const entry of committed) lines.push(`apply ${describeEntry(entry, dataOf)}`);
  for (const { ticket, index } of ready.readStates) lines.push(`read ${ticket} at ${index}`);
  for (const ticket of ready.abandonedReads) lines.push(`read ${ticket} abandoned`);
  for (const message of ready.messages) lines.push(`send ${describeMessage(message, nameOf, dataOf)}`);
  if (!("entries" in ready)) {
    for (const message of write?.messages ?? [])
      lines.push(`when durable ${describeMessage(message, nameOf, dataOf)}`);
  }
  return lines;
}

/** `2: replicate match 5 next 7 inflight 1` */
export function describeProgress(progress: ProgressStatus, nameOf: NameOf = defaultName): string {
  const parts = [
    `${nameOf(progress.replica)}: ${progress.state} match ${progress.match} next ${progress.next}`,
  ];
  if (progress.learner) parts.push("learner");
  if (progress.paused) parts.push("paused");
  if (progress.pendingSnapshot > 0) parts.push(`snapshot ${progress.pendingSnapshot}`);
  if (progress.inflightMessages > 0) parts.push(`inflight ${progress.inflightMessages}`);
  if (!progress.recentActive) parts.push("silent");
  return parts.join(" ");
}

function describeChange(data: Uint8Array): string {
  const { transition, changes } = decodeConfChange(data);
  if (changes.length === 0) return "leave joint configuration";
  return `${changes.map((change) => `${change.type} ${change.replica}`).join(", ")} (${transition})`;
}
