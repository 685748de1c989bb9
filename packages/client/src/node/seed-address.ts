import { nameOf } from "../api/argument-checks.ts";
import { invalidArgument } from "../errors/titan-error.ts";

/** Port of a node when an address does not name one. */
const defaultPort = 4100;

/** Where to begin, and whether inside TLS. */
export interface SeedAddresses {
  /** `host:port` each, without repetition. */
  readonly addresses: readonly string[];
  /** Whether any address asks for TLS. */
  readonly wantsTls: boolean;
}

/**
 * Reads addresses as people write them: `host`, `host:port`, `[::1]:port`, `http://host:port`, `https://host:port`, and
 * several of them separated by commas.
 * @throws TitanError INVALID_ARGUMENT, TypeError.
 */
export function parseSeeds(seeds: string | readonly string[]): SeedAddresses {
  const given = typeof seeds === "string" ? [seeds] : seeds;
  if (!Array.isArray(given)) throw new TypeError(`seeds are addresses, not ${nameOf(seeds)}`);
  const parts = given.flatMap((seed: unknown) => {
    if (typeof seed !== "string") throw new TypeError(`a seed is an address, not ${nameOf(seed)}`);
    return seed
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "");
  });
  if (parts.length === 0)
    throw invalidArgument("seeds", "must name at least one address, such as localhost:4100");
  const urls = parts.map(parseSeed);
  const wantsTls = urls.some(({ protocol }) => protocol === "https:");
  if (wantsTls && urls.some(({ protocol }) => protocol !== "https:")) {
    throw invalidArgument("seeds", "either all or none of the addresses begin with https://");
  }
  return { addresses: [...new Set(urls.map(hostAndPort))], wantsTls };
}

function parseSeed(seed: string): URL {
  const text = /^https?:\/\//.test(seed) ? seed : `http://${seed}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    url.hostname === "" ||
    url.pathname !== "/" ||
    url.search !== "" ||
    url.username !== ""
  ) {
    throw invalidArgument("seeds", `${JSON.stringify(seed)} is not an address such as localhost:4100`);
  }
  return url;
}

function hostAndPort(url: URL): string {
  // A URL hides the port that is usual for its protocol, if it was named.
  const named = /:(\d+)\/?$/.exec(url.href)?.[1];
  return `${url.hostname}:${url.port === "" ? (named ?? defaultPort) : url.port}`;
}
