import type { Entry } from "@titan-kv/client";
import { toJsonValue } from "../output/value-text.ts";

/** An entry for programs: the value as text, or as base64 when it is not UTF-8. */
export function entryJson(entry: Entry<Uint8Array>): object {
  const { key, value, revision, expiresAtMs, origin } = entry;
  return {
    key,
    ...toJsonValue(value),
    revision,
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    origin,
  };
}
