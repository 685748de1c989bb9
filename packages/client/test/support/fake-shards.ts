/** The state of a cluster in memory: shards with values, revisions, sessions and leaders, and a record of what was applied. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type OperationResult,
  OperationResultSchema,
  TopologySchema,
  type Topology,
  TxnOperationSchema,
  TxnResultSchema,
} from "@titan-kv/proto";
import {
  ConditionKind,
  OperationKind,
  type OperationView,
  type StreamIdentity,
} from "@titan-kv/proto/pipeline";
import { SLOT_COUNT, slotOf } from "@titan-kv/ring";

export interface StoredValue {
  readonly value: Uint8Array;
  readonly revision: number;
  readonly expiresAtMs: number;
}

/** The answer to an operation, before it is written to the wire. */
export type FakeAnswer =
  | {
      kind: "write";
      applied: boolean;
      keyRevision: number;
      existed: boolean;
      previous: Uint8Array | undefined;
      revision: number;
    }
  | {
      kind: "get";
      found: boolean;
      value: Uint8Array | undefined;
      keyRevision: number;
      expiresAtMs: number;
      revision: number;
    }
  | { kind: "txn"; txn: Uint8Array; revision: number };

interface FakeSession {
  acknowledgedBelow: number;
  readonly answers: Map<number, FakeAnswer>;
}

/** A change as those who watch see it. */
export interface FakeChange {
  readonly key: string;
  /** Absent when the key was removed. */
  readonly value: Uint8Array | undefined;
  readonly revision: number;
}

export class FakeShard {
  readonly id: number;
  /** Everything that ever happened. */
  readonly changes: FakeChange[] = [];
  leader: number;
  term = 1;
  revision = 0;
  readonly values = new Map<string, StoredValue>();
  readonly sessions = new Map<string, FakeSession>();
  /** Sessions opened at or before this time are refused unless they are known. */
  forgottenThroughMs = 0;

  constructor(id: number, leader: number) {
    this.id = id;
    this.leader = leader;
  }

  forgetSessions(throughMs: number): void {
    this.sessions.clear();
    this.forgottenThroughMs = throughMs;
  }
}

export class FakeShards {
  readonly shards: readonly FakeShard[];
  readonly slotOwners = new Uint16Array(SLOT_COUNT);
  epoch = 1;
  clusterId = "fake";
  /** Node id to client address. */
  readonly addresses = new Map<number, string>();
  /** Server time, which dates sessions. */
  nowMs: () => number = Date.now;
  /** How often each write was applied, by key and value. */
  readonly applications = new Map<string, number>();
  /** Called after each write. */
  readonly onChange = new Set<() => void>();
  /** What must never happen and did. */
  readonly violations: string[] = [];
  /** Called with each identity on the wire. */
  onIdentity: (identity: StreamIdentity) => void = () => undefined;

  constructor(shardCount: number, nodeCount: number) {
    this.shards = Array.from(
      { length: shardCount },
      (_, index) => new FakeShard(index + 1, (index % nodeCount) + 1),
    );
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      this.slotOwners[slot] = Math.floor((slot * shardCount) / SLOT_COUNT) + 1;
    }
  }

  shardOfKey(key: string | Uint8Array): FakeShard {
    return this.shards[this.slotOwners[slotOf(key)]! - 1]!;
  }

  /** Moves every slot of a shard, its values and sessions, to another one. */
  moveAll(from: FakeShard, to: FakeShard): void {
    for (let slot = 0; slot < SLOT_COUNT; slot += 1)
      if (this.slotOwners[slot] === from.id) this.slotOwners[slot] = to.id;
    for (const [key, value] of from.values) to.values.set(key, value);
    for (const [id, session] of from.sessions) {
      const known = to.sessions.get(id);
      if (known === undefined) to.sessions.set(id, { ...session, answers: new Map(session.answers) });
      else for (const [seq, answer] of session.answers) known.answers.set(seq, answer);
    }
    from.values.clear();
    to.revision = Math.max(to.revision, from.revision) + 1;
    this.epoch += 1;
  }

  topology(node: number): Topology {
    const ids = [...this.addresses.keys()];
    return create(TopologySchema, {
      clusterId: this.clusterId,
      epoch: BigInt(this.epoch),
      node,
      nowMs: BigInt(Math.floor(this.nowMs())),
      nodes: [...this.addresses].map(([id, address]) => ({ id, address, alive: true })),
      shards: this.shards.map(({ id, leader, term, revision }) => ({
        id,
        leader,
        term: BigInt(term),
        revision: BigInt(revision),
        slots: this.#ranges(id),
        replicas: ids.map((each) => ({ node: each, replica: BigInt(each) })),
      })),
    });
  }

  /** Applies an operation to its shard; a write with an identity at most once. */
  apply(
    view: OperationView,
    identity: StreamIdentity | undefined,
  ): FakeAnswer | "session-expired" | "already-acknowledged" {
    const key =
      view.kind === OperationKind.Txn ? firstTxnKey(view) : Buffer.from(view.key()).toString("utf8");
    const shard = this.shardOfKey(key);
    if (view.kind === OperationKind.Get) return this.#get(shard, key);
    if (identity === undefined || view.seq === 0) return this.#write(shard, key, view);
    const id = Buffer.from(identity.session).toString("hex");
    let session = shard.sessions.get(id);
    if (session === undefined) {
      if (identity.openedMs <= shard.forgottenThroughMs) return "session-expired";
      session = { acknowledgedBelow: 0, answers: new Map() };
      shard.sessions.set(id, session);
    }
    session.acknowledgedBelow = Math.max(session.acknowledgedBelow, identity.acknowledgedBelow);
    for (const seq of session.answers.keys())
      if (seq < session.acknowledgedBelow) session.answers.delete(seq);
    if (view.seq < session.acknowledgedBelow) return "already-acknowledged";
    const known = session.answers.get(view.seq);
    if (known !== undefined) return known;
    const answer = this.#write(shard, key, view);
    session.answers.set(view.seq, answer);
    if (session.answers.size > 8192)
      this.violations.push("a session has more than 8192 unacknowledged answers");
    return answer;
  }

  /** Entries of all shards in the order of their UTF-8 bytes. */
  sorted(): { key: string; stored: StoredValue; shard: FakeShard }[] {
    return this.shards
      .flatMap((shard) => [...shard.values].map(([key, stored]) => ({ key, stored, shard })))
      .toSorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }

  #get(shard: FakeShard, key: string): FakeAnswer {
    const stored = shard.values.get(key);
    return {
      kind: "get",
      found: stored !== undefined,
      value: stored?.value,
      keyRevision: stored?.revision ?? 0,
      expiresAtMs: stored?.expiresAtMs ?? 0,
      revision: shard.revision,
    };
  }

  #write(shard: FakeShard, key: string, view: OperationView): FakeAnswer {
    if (view.kind === OperationKind.Txn) return this.#txn(shard, view);
    const value = view.kind === OperationKind.Put ? Buffer.from(view.value()) : undefined;
    return this.#writeKey(shard, key, value, {
      ttlMs: view.ttlMs,
      conditionKind: view.conditionKind,
      conditionRevision: view.conditionRevision,
      returnPrevious: view.returnPrevious,
    });
  }

  #writeKey(
    shard: FakeShard,
    key: string,
    value: Uint8Array | undefined,
    rules: {
      ttlMs: number;
      conditionKind: ConditionKind;
      conditionRevision: number;
      returnPrevious: boolean;
    },
  ): FakeAnswer & { kind: "write" } {
    const stored = shard.values.get(key);
    const existed = stored !== undefined;
    const previous = rules.returnPrevious ? stored?.value : undefined;
    const holds =
      rules.conditionKind === ConditionKind.None ||
      (rules.conditionKind === ConditionKind.IfRevision &&
        rules.conditionRevision === (stored?.revision ?? 0)) ||
      (rules.conditionKind === ConditionKind.IfAbsent && !existed) ||
      (rules.conditionKind === ConditionKind.IfPresent && existed);
    if (!holds) {
      return {
        kind: "write",
        applied: false,
        keyRevision: stored?.revision ?? 0,
        existed,
        previous,
        revision: shard.revision,
      };
    }
    shard.revision += 1;
    shard.changes.push({
      key,
      value: value === undefined ? undefined : new Uint8Array(value),
      revision: shard.revision,
    });
    for (const listener of this.onChange) listener();
    const expiresAtMs = rules.ttlMs === 0 ? 0 : Date.now() + rules.ttlMs;
    if (value === undefined) shard.values.delete(key);
    else {
      shard.values.set(key, { value: new Uint8Array(value), revision: shard.revision, expiresAtMs });
      const name = `${key}=${Buffer.from(value).toString("latin1")}`;
      this.applications.set(name, (this.applications.get(name) ?? 0) + 1);
    }
    return {
      kind: "write",
      applied: true,
      keyRevision: value === undefined ? 0 : shard.revision,
      existed,
      previous,
      revision: shard.revision,
    };
  }

  #txn(shard: FakeShard, view: OperationView): FakeAnswer {
    const txn = fromBinary(TxnOperationSchema, view.buffer.subarray(view.txnStart, view.txnEnd));
    const succeeded = txn.compare.every(({ key, condition }) => {
      const stored = shard.values.get(key);
      if (condition.case === "revision") return BigInt(stored?.revision ?? 0) === condition.value;
      if (condition.case === "exists") return (stored !== undefined) === condition.value;
      if (condition.case === "value")
        return stored !== undefined && Buffer.from(stored.value).equals(condition.value);
      return true;
    });
    const results = (succeeded ? txn.then : txn.else).map(({ kind }) => this.#txnPart(shard, kind));
    const message = create(TxnResultSchema, { succeeded, results });
    return { kind: "txn", txn: toBinary(TxnResultSchema, message), revision: shard.revision };
  }

  #txnPart(shard: FakeShard, kind: ReturnType<typeof firstKind>): OperationResult {
    if (kind.case === "get") {
      const stored = shard.values.get(kind.value.key);
      if (stored === undefined) return create(OperationResultSchema, { kind: { case: "get", value: {} } });
      const { value, revision } = stored;
      const found = {
        found: true,
        payload: { case: "value" as const, value },
        keyRevision: BigInt(revision),
      };
      return create(OperationResultSchema, { kind: { case: "get", value: found } });
    }
    if (kind.case !== "put" && kind.case !== "delete") throw new Error("not part of a transaction");
    const { key, returnPrevious } = kind.value;
    const payload = kind.case === "put" ? Buffer.from(kind.value.payload.value ?? "") : undefined;
    const rules = { ttlMs: 0, conditionKind: ConditionKind.None, conditionRevision: 0, returnPrevious };
    const { applied, existed, keyRevision, previous } = this.#writeKey(shard, key, payload, rules);
    const value = {
      applied,
      existed,
      keyRevision: BigInt(keyRevision),
      ...(previous === undefined ? {} : { previous }),
    };
    return create(OperationResultSchema, { kind: { case: "write", value } });
  }

  #ranges(shard: number): { first: number; last: number }[] {
    const ranges: { first: number; last: number }[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (this.slotOwners[slot] !== shard) continue;
      const last = ranges.at(-1);
      if (last !== undefined && last.last === slot - 1) last.last = slot;
      else ranges.push({ first: slot, last: slot });
    }
    return ranges;
  }
}

function firstTxnKey(view: OperationView): string {
  const txn = fromBinary(TxnOperationSchema, view.buffer.subarray(view.txnStart, view.txnEnd));
  const kind = firstKind([...txn.then, ...txn.else]);
  return txn.compare[0]?.key ?? (kind.case === undefined || kind.case === "txn" ? "" : kind.value.key);
}

function firstKind(operations: ReturnType<typeof fromBinary<typeof TxnOperationSchema>>["then"]) {
  return operations[0]?.kind ?? { case: undefined };
}
