import type { Entry, LogReader } from "../../index.ts";
import type { LogStorage, LogWrite } from "../../host/index.ts";

/** Told of entries when they are handed to the log, with the term of the entry before them. */
export type EntriesWritten = (group: number, entries: readonly Entry[], previousTerm: number) => void;

/** A node's log, with somebody who looks over its shoulder. */
export class ObservedLog implements LogStorage {
  readonly #log: LogStorage;
  readonly #written: EntriesWritten;
  /** Handed over and not durable yet. */
  #pending: LogWrite[] = [];

  constructor(log: LogStorage, written: EntriesWritten) {
    this.#log = log;
    this.#written = written;
  }

  /** The term of an entry as the node sees it: what is under way counts. Undefined: not there. */
  termAt(group: number, index: number): number | undefined {
    for (const write of this.#pending.toReversed()) {
      if (write.group !== group) continue;
      const first = write.entries?.[0];
      if (first !== undefined && index >= first.index) return write.entries?.[index - first.index]?.term;
      if (write.snapshot !== undefined && index <= write.snapshot.index) {
        return index === write.snapshot.index ? write.snapshot.term : undefined;
      }
    }
    const reader = this.#log.reader(group);
    const within = index >= reader.firstIndex() - 1 && index <= reader.lastIndex();
    return within ? reader.term(index) : undefined;
  }

  async append(batch: readonly LogWrite[], options: { readonly sync?: boolean } = {}): Promise<void> {
    this.#pending.push(...batch);
    for (const { group, entries } of batch) {
      const first = entries?.[0];
      if (entries === undefined || first === undefined) continue;
      this.#written(group, entries, this.termAt(group, first.index - 1) ?? 0);
    }
    await this.#log.append(batch, options);
    this.#pending = this.#pending.filter((write) => !batch.includes(write));
  }

  groups(): number[] {
    return this.#log.groups();
  }

  reader(group: number): LogReader {
    return this.#log.reader(group);
  }

  flush(): Promise<void> {
    return this.#log.flush();
  }

  damaged(): { readonly group: number; readonly problem: string }[] {
    return this.#log.damaged();
  }

  oldestPendingMs(): number {
    return this.#log.oldestPendingMs();
  }

  pinning(): { readonly group: number; readonly bytes: number }[] {
    return this.#log.pinning();
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}
