import { create } from "@bufbuild/protobuf";
import { type Alarm, Alarm_Kind as AlarmKind, AlarmSchema } from "@titan-kv/proto";
import type { Logger } from "pino";

/** What an alarm is about, besides its kind. */
export interface AlarmSubject {
  readonly kind: AlarmKind;
  /** 0 when it is about the node. */
  readonly shard: number;
}

function nameOf(kind: AlarmKind): string {
  return Object.entries(AlarmKind).find(([, value]) => value === kind)?.[0] ?? String(kind);
}

/** The alarms of one node: raised when a cause appears, cleared when it is gone. */
export class AlarmBoard {
  readonly #alarms = new Map<string, Alarm>();
  readonly #logger: Logger;
  /** The node that the alarms are of; 0 until it is known. */
  node = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Raises an alarm, once for each cause; `message` says what to do about it. */
  raise({ kind, shard }: AlarmSubject, message: string): void {
    const name = `${kind} ${shard}`;
    if (this.#alarms.has(name)) return;
    const sinceMs = BigInt(Date.now());
    this.#alarms.set(name, create(AlarmSchema, { kind, shard, message, sinceMs, node: this.node }));
    this.#logger.error({ alarm: nameOf(kind), shard }, message);
  }

  clear({ kind, shard }: AlarmSubject): void {
    if (!this.#alarms.delete(`${kind} ${shard}`)) return;
    this.#logger.warn({ alarm: nameOf(kind), shard }, "the alarm's cause is gone");
  }

  /**
   * Clears alarms of a kind, of one shard or of all, because somebody says that the cause is gone; returns what there
   * was. Whoever watches the cause raises it again if it is not.
   */
  dismiss(kind: AlarmKind, shard: number | undefined): AlarmSubject[] {
    const dismissed = this.list().filter(
      (alarm) => alarm.kind === kind && (shard === undefined || alarm.shard === shard),
    );
    for (const alarm of dismissed) this.clear(alarm);
    return dismissed;
  }

  /** Oldest first. */
  list(): Alarm[] {
    return [...this.#alarms.values()];
  }
}
