/**
 * Safeguards of the server, each switched off in a copy of the source. A fault run on nodes that run the copy must notice:
 * that is how we know that its silence means something. Nothing of this is in what is published.
 */

/** One change of one file. */
export interface Edit {
  /** Relative to `packages`. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** One safeguard that is missing. */
export interface Mutant {
  /** What is wrong, in a few words. */
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The faults in which it shows. */
  readonly faults: readonly string[];
  /** Must not be noticed: the safeguards are there, so that what is wrong does no harm. */
  readonly isHarmless?: true;
}

/** A node whose slot table is wrong now and then, as an old one would be: it sends a key to the next shard. */
const staleRouting: Edit = {
  file: "server/src/kv/router.ts",
  find: "    return this.#table.slotOwners[slotOf(key)]!;",
  replace: `    const owner = this.#table.slotOwners[slotOf(key)]!;
    const isOld = process.env["TITAN_FAULTS_DIRECTORY"]!.endsWith("node-1") && Math.random() < 0.2;
    return isOld && owner > 0 ? (owner % 3) + 1 : owner;`,
};

export const mutants: readonly Mutant[] = [
  {
    name: "writes are acknowledged before a majority has them",
    edits: [
      {
        file: "raft/src/core/replication.ts",
        find: "const index = replica.members.quorumMatch();",
        replace: "const index = replica.members.get(replica.id)?.match ?? 0;",
      },
    ],
    faults: ["partition", "kill"],
  },
  {
    name: "linearizable reads are served without asking a majority",
    edits: [
      {
        file: "server/src/kv/read-path.ts",
        find: "      case ReadLevel.LINEARIZABLE:\n",
        replace: "      case ReadLevel.LINEARIZABLE:\n        this.#serve(read);\n        return;\n",
      },
    ],
    faults: ["pause"],
  },
  {
    name: "repeated writes are applied again",
    edits: [
      {
        file: "server/src/shard/session.ts",
        find: "    return this.#results.get(seq);",
        replace: "    return seq < 0 ? this.#results.get(seq) : undefined;",
      },
    ],
    faults: ["kill"],
  },
  {
    name: "the log is not made durable, and the power fails",
    edits: [
      {
        file: "raft/src/wal/node-file-system.ts",
        find: 'process.platform === "linux" ? (fs.constants.O_DSYNC ?? 0) : 0;',
        replace: "0;",
      },
      {
        // The header of a segment still is: a log that loses it is refused when it is opened, which is no loss in silence.
        file: "raft/src/wal/node-file-system.ts",
        find: "    if (!this.#writesAreDurable) await fdatasync(this.#descriptor);\n",
        replace: "    if (!this.#writesAreDurable && position < 4096) await fdatasync(this.#descriptor);\n",
      },
    ],
    faults: ["power"],
  },
  {
    name: "shards take writes for slots that they do not own, and a node's slot table is wrong",
    edits: [
      staleRouting,
      {
        file: "server/src/shard/shard-state-machine.ts",
        find: "      if (state === SlotState.NotOwned) return Refusal.WrongShard;\n",
        replace: "",
      },
    ],
    faults: ["pause"],
  },
  {
    name: "what is applied is stored without how far that was",
    edits: [
      {
        file: "server/src/storage/replica-store.ts",
        find: "this.#db.batchSync(operations.map(toBatchOperation), { meta });",
        replace:
          "this.#db.batchSync(operations.map(toBatchOperation), operations.length > 1 ? {} : { meta });",
      },
    ],
    faults: ["kill", "restart"],
  },
  {
    name: "control: a node's slot table is wrong, and shards refuse what is not theirs",
    edits: [staleRouting],
    faults: ["pause"],
    isHarmless: true,
  },
];
