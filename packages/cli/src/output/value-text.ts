/** Values as text, without losing a byte: UTF-8 as itself, anything else as base64 under another name. */
import { isUtf8 } from "node:buffer";

/** A value in JSON. Exactly one of the two is there. */
export interface JsonValue {
  readonly value?: string;
  readonly base64?: string;
}

/** The value as JSON has it. */
export function toJsonValue(bytes: Uint8Array): JsonValue {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return isUtf8(buffer) ? { value: buffer.toString("utf8") } : { base64: buffer.toString("base64") };
}

/** The value for a cell of a table: shortened, control characters visible. */
export function previewOf(bytes: Uint8Array, maxLength = 60): string {
  const { value } = toJsonValue(bytes.subarray(0, maxLength * 4));
  if (value === undefined && !isUtf8(bytes)) return `(${bytes.length} bytes)`;
  const text = value ?? Buffer.from(bytes).toString("utf8");
  const characters = Array.from(text);
  return characters.length <= maxLength && bytes.length <= maxLength * 4
    ? text
    : `${characters.slice(0, maxLength - 1).join("")}…`;
}
