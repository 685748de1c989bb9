import { BitcaskError } from "../errors.ts";
import type { GroupCommit } from "../log/group-commit.ts";
import { keyBytes } from "../read/key-encoder.ts";
import { describeKey } from "../read/record-reader.ts";
import type { Reader } from "../read/reader.ts";
import { keyTextOf, type PendingKey } from "../log/pending-keys.ts";

/** Under which circumstances a write is done. At most one of the two. */
export interface WriteCondition {
  /** Only if the key is there with exactly this version. */
  readonly ifVersion?: number;
  /** Only if the key is not there, or has expired. */
  readonly ifAbsent?: boolean;
}

/**
 * Judges conditional writes against the newest state there will be: the pending groups, newest first, then the keydir.
 * So conditional writes need not wait for the writes in front of them, and two of them in one turn see each other. Should a
 * pending group fail, the groups behind it fail too.
 */
export class ConditionChecker {
  readonly #commit: GroupCommit;
  readonly #reader: Reader;
  readonly #clock: () => number;

  constructor(commit: GroupCommit, reader: Reader, clock: () => number) {
    this.#commit = commit;
    this.#reader = reader;
    this.#clock = clock;
  }

  /** Throws CONDITION_FAILED when the condition does not hold. */
  check(key: string | Uint8Array, condition: WriteCondition): void {
    const { ifVersion, ifAbsent } = condition;
    if (ifVersion === undefined && ifAbsent !== true) return;
    if (ifVersion !== undefined && ifAbsent === true) {
      throw new BitcaskError(
        "INVALID_ARGUMENT",
        "ifVersion and ifAbsent contradict each other; give one of them",
      );
    }
    const bytes = keyBytes(key);
    const version = this.#presentVersion(bytes);
    if (ifAbsent === true ? version === undefined : version === ifVersion) return;
    const found = version === undefined ? "it is absent" : `it has version ${version}`;
    const expected = ifAbsent === true ? "to be absent" : `to have version ${ifVersion}`;
    throw new BitcaskError(
      "CONDITION_FAILED",
      `expected key ${describeKey(bytes)} ${expected}, but ${found}`,
      {
        key: Uint8Array.from(bytes),
        outcome: "not-applied",
      },
    );
  }

  #presentVersion(key: Uint8Array): number | undefined {
    const pending = this.#pending(key);
    if (!pending) return this.#reader.getVersionSync(key);
    const isExpired = pending.expiresAtMs !== 0 && pending.expiresAtMs <= this.#clock();
    return pending.exists && !isExpired ? pending.version : undefined;
  }

  #pending(key: Uint8Array): PendingKey | undefined {
    let text: string | undefined;
    for (const group of this.#commit.pendingNewestFirst()) {
      text ??= keyTextOf(key);
      const found = group.pendingKeys.lookUp(group, key, text);
      if (found) return found;
    }
    return undefined;
  }
}
