/**
 * Who a data directory is: written once, before the node talks to anybody, and never changed except for the count of starts.
 * The token is what makes two directories distinguishable that claim the same node: the one that was lost and the empty
 * one that took its place.
 */
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { readIfPresent, replaceFile } from "../storage/durable-file.ts";

export interface NodeIdentity {
  /** 0 until a joining node has been given its id. */
  readonly node: number;
  /** Empty until it is known. */
  readonly clusterId: string;
  readonly token: string;
  /** The id of this node's replica of the meta group; 0 until it is known. */
  readonly metaReplica: number;
  /** Where the other nodes were when this one joined: all it knows until the meta group has told it more. */
  readonly peers: readonly { readonly node: number; readonly address: string }[];
  /** How often the node has been started: tells its lives apart. */
  readonly starts: number;
}

const identityFile = "node.json";
const format = 1;

/** The directory does not belong to the node that is being started. */
export class IdentityError extends Error {
  override readonly name = "IdentityError";
}

/** Reads the identity, or makes a new one; counts this start. */
export async function openIdentity(directory: string): Promise<NodeIdentity> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, identityFile);
  const text = await readIfPresent(path);
  const previous =
    text === undefined
      ? {
          node: 0,
          clusterId: "",
          token: randomBytes(16).toString("hex"),
          metaReplica: 0,
          peers: [],
          starts: 0,
        }
      : parseIdentity(path, text);
  const identity = { ...previous, starts: previous.starts + 1 };
  await saveIdentity(directory, identity);
  return identity;
}

/** Replaces the stored identity, durably. */
export function saveIdentity(directory: string, identity: NodeIdentity): Promise<void> {
  return replaceFile(
    join(directory, identityFile),
    `${JSON.stringify({ format, ...identity }, undefined, 2)}\n`,
  );
}

function parseIdentity(path: string, text: string): NodeIdentity {
  let parsed: Partial<NodeIdentity> & { format?: unknown };
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch (error) {
    throw new IdentityError(
      `${path} is not JSON; restore it from a backup or start with an empty directory`,
      {
        cause: error,
      },
    );
  }
  if (parsed.format !== format) {
    throw new IdentityError(
      `${path} has format ${String(parsed.format)}, this release reads format ${format}`,
    );
  }
  const { node, clusterId, token, metaReplica, peers, starts } = parsed;
  const areNumbers = [node, metaReplica, starts].every((value) => Number.isSafeInteger(value));
  if (!areNumbers || !Array.isArray(peers) || typeof clusterId !== "string" || typeof token !== "string") {
    throw new IdentityError(
      `${path} lacks a field; restore it from a backup or start with an empty directory`,
    );
  }
  return { node: node!, clusterId, token, metaReplica: metaReplica!, peers, starts: starts! };
}
