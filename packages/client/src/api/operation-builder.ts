/** From the arguments of a call to a checked operation. */
import { ReadLevel } from "@titan-kv/proto";
import { invalidArgument } from "../errors/titan-error.ts";
import { checkInteger, checkKey, checkTtl, checkValue, conditionOf, nameOf } from "./argument-checks.ts";
import type { DeleteOptions, PutOptions } from "./call-options.ts";
import type { ClientLimits } from "./limits.ts";
import { Condition, type ReadOperation, type WriteOperation } from "./operation.ts";
import type { ReadConsistency } from "./read-consistency.ts";

/** A put of an encoded value. */
export function putOperation(
  key: string,
  value: Uint8Array | string,
  options: PutOptions | undefined,
  limits: ClientLimits,
): WriteOperation {
  const bytes = checkKey(key, limits) + checkValue(value, limits);
  if (options === undefined) {
    return {
      kind: "put",
      key,
      value,
      ttlMs: 0,
      conditionKind: Condition.None,
      conditionRevision: 0,
      returnPrevious: false,
      bytes,
    };
  }
  const condition = conditionOf(options);
  return {
    kind: "put",
    key,
    value,
    ttlMs: checkTtl(options.ttlMs),
    conditionKind: condition.kind,
    conditionRevision: condition.revision,
    returnPrevious: options.returnPrevious === true,
    bytes,
  };
}

/** A delete. */
export function deleteOperation(
  key: string,
  options: DeleteOptions | undefined,
  limits: ClientLimits,
): WriteOperation {
  const bytes = checkKey(key, limits);
  const condition = conditionOf(options ?? {});
  return {
    kind: "delete",
    key,
    value: undefined,
    ttlMs: 0,
    conditionKind: condition.kind,
    conditionRevision: condition.revision,
    returnPrevious: options?.returnPrevious === true,
    bytes,
  };
}

/** How fresh a read must be, as the API has it. */
export interface ReadFreshness {
  readonly level: ReadLevel;
  readonly minRevision: number;
  readonly maxStalenessMs: number;
}

const linearizable: ReadFreshness = { level: ReadLevel.LINEARIZABLE, minRevision: 0, maxStalenessMs: 0 };
const lease: ReadFreshness = { level: ReadLevel.LEASE, minRevision: 0, maxStalenessMs: 0 };
const local: ReadFreshness = { level: ReadLevel.LOCAL, minRevision: 0, maxStalenessMs: 0 };

/** Checks a read level. */
export function freshnessOf(consistency: ReadConsistency): ReadFreshness {
  switch (consistency) {
    case "linearizable":
      return linearizable;
    case "lease":
      return lease;
    case "local":
      return local;
    default:
  }
  if (typeof consistency !== "object" || consistency === null) {
    throw invalidArgument("consistency", `${String(consistency)} is not a read level`);
  }
  switch (consistency.level) {
    case "at-least": {
      const minRevision = checkInteger("minRevision", consistency.minRevision, 0, Number.MAX_SAFE_INTEGER);
      return { level: ReadLevel.AT_LEAST, minRevision, maxStalenessMs: 0 };
    }
    case "bounded": {
      const maxStalenessMs = checkInteger("maxStalenessMs", consistency.maxStalenessMs, 1, 0xffff_ffff);
      return { level: ReadLevel.BOUNDED, minRevision: 0, maxStalenessMs };
    }
  }
  throw invalidArgument("consistency", `${nameOf(consistency)} is not a read level`);
}

/** A get. */
export function getOperation(key: string, freshness: ReadFreshness, limits: ClientLimits): ReadOperation {
  const bytes = checkKey(key, limits);
  const { level, minRevision, maxStalenessMs } = freshness;
  return { kind: "get", key, level, minRevision, maxStalenessMs, bytes };
}
