/** The port's plain pages: probes and metrics, and whatever else is registered. */
import type { HttpRequest, HttpResponse } from "./connect-handler.ts";

/** What a page answers. */
export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  /** Further headers, lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Makes a page; may throw, and is answered 500 then. */
export type PageHandler = (request: {
  readonly path: string;
  readonly query: URLSearchParams;
}) => Page | Promise<Page>;

/** Whether the node can serve, and if not, why. */
export interface Readiness {
  readonly ready: boolean;
  /** One line per reason, for people. */
  readonly reasons: readonly string[];
}

function textPage(status: number, body: string): Page {
  return { status, contentType: "text/plain; charset=utf-8", body: `${body}\n` };
}

/** Alive means that the event loop turns and this page is served; it needs no leader and no disk. */
export function livenessPage(): Page {
  return textPage(200, "alive");
}

/** 200 when the node can serve; 503 with the reasons when it cannot. */
export function readinessPage(readiness: Readiness): Page {
  return readiness.ready
    ? textPage(200, "ready")
    : textPage(503, `not ready: ${readiness.reasons.join("; ")}`);
}

/** Sends a page. Only GET and HEAD are answered. */
export async function servePage(
  handler: PageHandler,
  request: HttpRequest,
  response: HttpResponse,
): Promise<void> {
  const page = await makePage(handler, request);
  if (response.destroyed) return;
  response.statusCode = page.status;
  response.setHeader("content-type", page.contentType);
  response.setHeader("cache-control", "no-store");
  response.setHeader("x-content-type-options", "nosniff");
  for (const [name, value] of Object.entries(page.headers ?? {})) response.setHeader(name, value);
  if (request.method === "HEAD") response.end();
  else response.end(page.body);
}

async function makePage(handler: PageHandler, request: HttpRequest): Promise<Page> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return { ...textPage(405, "only GET and HEAD"), headers: { allow: "GET, HEAD" } };
  }
  const [path = "", query = ""] = (request.url ?? "").split("?", 2);
  try {
    return await handler({ path, query: new URLSearchParams(query) });
  } catch {
    return textPage(500, "the page could not be made; the node's log may say why");
  }
}
