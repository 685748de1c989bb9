import type { Outcome } from "./process.ts";
import type { RegisterAnswer, RegisterMachine } from "./register-machine.ts";

/** Called with the application when it may be read, with nothing when the read cannot be answered. */
export type ReadDone = (machine: RegisterMachine | undefined) => void;

interface WaitingCommand {
  readonly term: number;
  readonly done: (outcome: Outcome) => void;
}

interface WaitingRead {
  readonly index: number;
  readonly done: ReadDone;
}

/** Clients of a replica that wait for an answer: what a host keeps beside the core. */
export class WaitingClients {
  /** By the index at which the command was appended. */
  readonly #commands = new Map<number, WaitingCommand>();
  /** Reads without an index yet, by ticket. */
  readonly #tickets = new Map<number, ReadDone>();
  #reads: WaitingRead[] = [];

  command(index: number, command: WaitingCommand): void {
    this.#commands.set(index, command);
  }

  read(ticket: number, done: ReadDone): void {
    this.#tickets.set(ticket, done);
  }

  /** An entry was applied: if it is of another term than the command that was put there, the command is lost. */
  applied(index: number, term: number, answer: RegisterAnswer): void {
    const command = this.#commands.get(index);
    if (command === undefined) return;
    this.#commands.delete(index);
    command.done(command.term === term ? { status: "applied", answer } : { status: "dropped" });
  }

  /** A snapshot took the place of everything up to here: nobody knows what became of the commands. */
  skippedTo(index: number): void {
    for (const [at, { done }] of this.#commands) {
      if (at > index) continue;
      this.#commands.delete(at);
      done({ status: "unknown" });
    }
  }

  /** The leader has named the index of a read. */
  confirmed(ticket: number, index: number): void {
    const done = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    if (done !== undefined) this.#reads.push({ index, done });
  }

  /** The leader cannot answer a read any more. */
  abandoned(ticket: number): void {
    const done = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    done?.(undefined);
  }

  /** Answers the reads for which the application is far enough. */
  answer(machine: RegisterMachine): void {
    const ready = this.#reads.filter((read) => read.index <= machine.index);
    if (ready.length === 0) return;
    this.#reads = this.#reads.filter((read) => read.index > machine.index);
    for (const { done } of ready) done(machine);
  }

  /** The process is gone. */
  abandonAll(): void {
    for (const { done } of this.#commands.values()) done({ status: "unknown" });
    for (const done of this.#tickets.values()) done(undefined);
    for (const { done } of this.#reads) done(undefined);
    this.#commands.clear();
    this.#tickets.clear();
    this.#reads = [];
  }
}
