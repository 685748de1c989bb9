import { isUtf8 } from "node:buffer";
import type { HandlerContext } from "@connectrpc/connect";

/** Whether the caller reads JSON: then values that are UTF-8 are sent as text instead of base64. */
export function wantsText(context: Pick<HandlerContext, "requestHeader" | "url">): boolean {
  const contentType = context.requestHeader.get("content-type") ?? "";
  if (contentType.includes("json")) return true;
  // A Connect GET has no content type; it names its encoding in the address.
  return contentType === "" && new URL(context.url).searchParams.get("encoding") === "json";
}

/** A value as it is sent: the shape of every `payload` of the API. */
export type Payload =
  | { readonly case: "value"; readonly value: Uint8Array }
  | { readonly case: "text"; readonly value: string };

/** The payload for a caller that reads JSON, or for one that does not. */
export function payloadOf(value: Uint8Array, asText: boolean): Payload {
  if (!asText || !isUtf8(value)) return { case: "value", value };
  return { case: "text", value: Buffer.from(value.buffer, value.byteOffset, value.length).toString("utf8") };
}
