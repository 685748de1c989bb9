/** The curl command that does the same as a command of this program, for people who learn the API. */
import type { Terminal } from "../program/terminal.ts";
import { writeOut } from "../program/terminal.ts";
import type { Target } from "./target.ts";

/** A text as one word of a POSIX shell. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A call of the API with JSON. */
export interface ApiCall {
  /** As in `titan.kv.v1.KvService/Get`. */
  readonly method: string;
  readonly body: object;
}

/** The curl command for a call that has one answer. */
export function curlCommand(target: Target, { method, body }: ApiCall): string {
  return [
    "curl -sS -H 'content-type: application/json'",
    ...(target.token === undefined ? [] : ['-H "authorization: Bearer $TOKEN"']),
    shellWord(`${target.urls[0]}/${method}`),
    `-d ${shellWord(JSON.stringify(body))}`,
  ].join(" ");
}

/** The same for a call that streams its answers: each message has five bytes before it, a flag and a length. */
export function streamingCurlCommand(target: Target, { method, body }: ApiCall): string {
  const json = JSON.stringify(body);
  const length = Buffer.byteLength(json);
  const octal = [24, 16, 8, 0].map((shift) => `\\${((length >>> shift) & 255).toString(8).padStart(3, "0")}`);
  const message = `printf '\\000${octal.join("")}%s' ${shellWord(json)}`;
  return `${message} | curl -sS -H 'content-type: application/connect+json' --data-binary @- --output - ${shellWord(`${target.urls[0]}/${method}`)}`;
}

/** Prints it. */
export async function printExplanation(terminal: Terminal, command: string): Promise<void> {
  await writeOut(terminal, `${command}\n`);
}

/** A value in the JSON of the API: text where it is UTF-8, base64 otherwise. */
export function apiValue(value: { readonly value?: string; readonly base64?: string }): {
  text?: string;
  value?: string;
} {
  return value.value === undefined ? { value: value.base64 ?? "" } : { text: value.value };
}
