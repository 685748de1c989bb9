// The same as core-mutants.ts for what lies around the core: the host, the log, and what an operator may do wrong.

import type { Mutant } from "./core-mutants.ts";

export const hostMutants: readonly Mutant[] = [
  {
    name: "votes and acknowledgements leave before the log has what they promise",
    edits: [
      {
        file: "host/core-driver.ts",
        find: "    turn.completions.push({ replica: owner, append });",
        replace:
          "    for (const message of append.messages) this.#options.mail.send(message);\n    turn.completions.push({ replica: owner, append });",
      },
    ],
  },
  {
    name: "a write is reported durable when it is handed over",
    edits: [
      {
        file: "host/turn-loop.ts",
        find: "await log.append(turn.writes, { sync: turn.mustSync });",
        replace:
          "void log.append(turn.writes, { sync: turn.mustSync }).catch(() => undefined);\n      await Promise.resolve();",
      },
    ],
  },
  {
    name: "a vote is written without waiting for the disk",
    edits: [
      {
        file: "host/core-driver.ts",
        find: "turn.mustSync ||= append.mustSync;",
        replace: "turn.mustSync ||= append.mustSync && append.entries.length > 0;",
      },
    ],
  },
  {
    name: "a torn tail is taken for damage",
    rare: true,
    edits: [
      {
        file: "wal/replay.ts",
        find: "    } else {\n      // The batch expected here",
        replace: '      this.#lost(cursor, "torn");\n    } else {\n      // The batch expected here',
      },
    ],
  },
  {
    name: "damage is taken for a torn tail (NATS 2.12)",
    edits: [
      {
        file: "wal/replay.ts",
        find: "      const later = content.findFrom(place.next, place.header.sequence + 1);\n      if (later !== undefined) {",
        replace:
          "      const later = content.findFrom(place.next, place.header.sequence + 1);\n      if (later !== undefined && later.at < 0) {",
      },
      {
        file: "wal/replay.ts",
        find: "      const later = content.findFrom(cursor.at, sequence);\n      if (later !== undefined) {",
        replace:
          "      const later = content.findFrom(cursor.at, sequence);\n      if (later !== undefined && later.at < 0) {",
      },
    ],
  },
  {
    name: "a snapshot is sent with an outdated configuration (openraft #1808, matrixone #23281)",
    edits: [
      {
        file: "host/state-keeper.ts",
        find: "const configuration: Configuration | undefined = rule.configurationAt(index);",
        replace: "const configuration: Configuration | undefined = reader.snapshot().configuration;",
      },
    ],
  },
  {
    name: "entries that the state machine has are applied again",
    rare: true,
    edits: [
      {
        file: "host/apply-pipeline.ts",
        find: "entry.index > this.stateIndex",
        replace: "entry.index > 0",
      },
    ],
  },
  {
    name: "the log is shortened beyond what the state machine has on disk",
    rare: true,
    edits: [
      {
        file: "host/state-keeper.ts",
        find: "Math.min(stateMachine.appliedIndex(), pipeline.stateIndex, reader.lastIndex())",
        replace: "Math.min(pipeline.stateIndex, reader.lastIndex()) + 0 * stateMachine.appliedIndex()",
      },
    ],
  },
  {
    name: "a read is answered before the state machine has caught up",
    edits: [
      {
        file: "host/read-book.ts",
        find: "if (confirmed.index > appliedIndex) {",
        replace: "if (confirmed.index < 0) {",
      },
    ],
  },
  {
    name: "a command is reported lost with the leadership (redisraft #14)",
    rare: true,
    edits: [
      {
        file: "host/proposal-book.ts",
        find: 'for (const proposal of orphans) this.#unknown(proposal, "leadership was lost");',
        replace: "for (const proposal of orphans) this.#lost(proposal);",
      },
    ],
  },
  {
    name: "writes behind a snapshot take effect before it is installed",
    rare: true,
    edits: [
      {
        file: "host/durable-writes.ts",
        find: "if (append.snapshot === undefined && !this.#installing) {",
        replace: "if (append.snapshot === undefined) {",
      },
    ],
  },
  {
    name: "a replica that lost its disk comes back under its old id (etcd #17081)",
    rare: true,
    edits: [
      {
        file: "testing/simulation/simulated-host.ts",
        find: "return this.id + this.#wipes * idsPerDisk;",
        replace: "return this.id;",
      },
    ],
  },
];
