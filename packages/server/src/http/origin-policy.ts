/**
 * Which web pages may talk to the port.
 *
 * A database that listens on a developer's machine is within reach of every page in that developer's browser. The
 * browser asks before most cross-origin requests, so refusing to answer keeps pages of other origins out. It does not
 * keep out a page whose own name was made to resolve to this machine after it was loaded ("DNS rebinding"): to the
 * browser that is the same origin. So a request that comes from a browser is also refused when the host it names is not
 * known to be this node: an IP address, `localhost`, or a host that the operator allowed.
 */
import { cors } from "@connectrpc/connect";
import { isIP } from "node:net";
import type { HttpRequest, HttpResponse } from "./connect-handler.ts";

/** Whose pages may use the port. */
export interface OriginPolicyOptions {
  /** Origins such as `https://app.example.org`; `*` allows every page. Default none but the port's own pages. */
  readonly allowedOrigins: readonly string[];
  /** Names of this node, without port, under which its own pages are served. */
  readonly hostNames: readonly string[];
}

/** How long a browser may remember what it was allowed, in seconds. */
const preflightMaxAgeSeconds = 7200;

/** Decides about requests from browsers, and sets the headers they want. */
export class OriginPolicy {
  readonly #allowedOrigins: ReadonlySet<string>;
  readonly #hostNames: ReadonlySet<string>;

  constructor(options: OriginPolicyOptions) {
    this.#allowedOrigins = new Set(options.allowedOrigins);
    this.#hostNames = new Set(["localhost", ...options.hostNames.map((name) => name.toLowerCase())]);
  }

  /** Lets a request pass (returns true), or answers it: a preflight with the rules, a stranger with 403. */
  admit(request: HttpRequest, response: HttpResponse): boolean {
    const origin = request.headers.origin;
    if (origin === undefined) return true;
    if (!this.#allows(origin, request)) {
      response.statusCode = 403;
      response.setHeader("content-type", "text/plain; charset=utf-8");
      response.end("pages of this origin may not use the node; allow it with http.allowedOrigins\n");
      return false;
    }
    response.setHeader("access-control-allow-origin", origin);
    response.setHeader("vary", "origin");
    response.setHeader("access-control-expose-headers", cors.exposedHeaders.join(", "));
    if (request.method !== "OPTIONS") return true;
    response.statusCode = 204;
    response.setHeader("access-control-allow-methods", cors.allowedMethods.join(", "));
    response.setHeader("access-control-allow-headers", [...cors.allowedHeaders, "authorization"].join(", "));
    response.setHeader("access-control-max-age", String(preflightMaxAgeSeconds));
    response.end();
    return false;
  }

  #allows(origin: string, request: HttpRequest): boolean {
    if (this.#allowedOrigins.has("*") || this.#allowedOrigins.has(origin)) return true;
    const authority = "authority" in request ? request.authority : request.headers.host;
    if (authority === undefined || !URL.canParse(origin)) return false;
    const { host, hostname } = new URL(origin);
    const isOwnPage =
      host === authority.toLowerCase() || `${host}:80` === authority || `${host}:443` === authority;
    return isOwnPage && this.#isThisNode(hostname);
  }

  #isThisNode(hostname: string): boolean {
    const bare = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
    return isIP(bare) !== 0 || this.#hostNames.has(bare);
  }
}
