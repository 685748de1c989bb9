/**
 * Which web pages may talk to the port.
 *
 * A database that listens on a developer's machine is within reach of every page in that developer's browser. The
 * browser asks before most cross-origin requests, so refusing to answer keeps pages of other origins out. It does not
 * keep out a page whose own name was made to resolve to this machine after it was loaded ("DNS rebinding"): to the
 * browser that is the same origin. What gives such a page away is the name by which it calls this node. So a page is
 * only taken for the node's own when it calls the node by an IP address, `localhost`, or a name the operator gave it;
 * and on a port that only this machine can reach, nothing that could be a browser may call it by any other name.
 */
import { cors } from "@connectrpc/connect";
import { isIP } from "node:net";
import { answerPlainly, type HttpRequest, type HttpResponse } from "./connect-handler.ts";

/** Whose pages may use the port. */
export interface OriginPolicyOptions {
  /** Origins such as `https://app.example.org`; `*` allows every page. Default none but the port's own pages. */
  readonly allowedOrigins: readonly string[];
  /** Names of this node, without port, under which its own pages are served. */
  readonly hostNames: readonly string[];
  /** The port listens for this machine only, in clear: the case in which rebinding is of use to anybody. */
  readonly loopbackOnly: boolean;
}

/** How long a browser may remember what it was allowed, in seconds. */
const preflightMaxAgeSeconds = 7200;

/** Decides about requests from browsers, and sets the headers they want. */
export class OriginPolicy {
  readonly #allowedOrigins: ReadonlySet<string>;
  readonly #hostNames: ReadonlySet<string>;
  readonly #loopbackOnly: boolean;

  constructor(options: OriginPolicyOptions) {
    this.#allowedOrigins = new Set(options.allowedOrigins);
    this.#hostNames = new Set(["localhost", ...options.hostNames.map((name) => name.toLowerCase())]);
    this.#loopbackOnly = options.loopbackOnly;
  }

  /** Lets a request pass (returns true), or answers it: a preflight with the rules, a stranger with 403. */
  admit(request: HttpRequest, response: HttpResponse): boolean {
    const origin = request.headers.origin;
    if (origin === undefined) {
      if (this.#calledByItsName(request)) return true;
      answerPlainly(
        response,
        403,
        "this name is not the node's; use localhost, or set client.advertisedAddress",
      );
      return false;
    }
    if (!this.#allows(origin, request)) {
      answerPlainly(
        response,
        403,
        "pages of this origin may not use the node; allow it with client.allowedOrigins",
      );
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

  /** Pages send no origin with a GET to what they believe to be their own, so the name is all there is to go by. */
  #calledByItsName(request: HttpRequest): boolean {
    // In clear, browsers speak HTTP/1.1 only.
    if (!this.#loopbackOnly || request.httpVersionMajor !== 1 || this.#allowedOrigins.has("*")) return true;
    const { host } = request.headers;
    if (host === undefined || !URL.canParse(`http://${host}`)) return true;
    return this.#isThisNode(new URL(`http://${host}`).hostname);
  }

  #isThisNode(hostname: string): boolean {
    const bare = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
    return isIP(bare) !== 0 || this.#hostNames.has(bare);
  }
}
