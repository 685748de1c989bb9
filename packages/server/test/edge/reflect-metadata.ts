/**
 * The three functions that a dependency of @peculiar/x509 wants to find on `Reflect` when it is loaded. They come from
 * a proposal that was withdrawn; a library for them would be one more dependency for tests alone.
 */
const metadata = new WeakMap<object, Map<unknown, unknown>>();

function getMetadata(key: unknown, target: object): unknown {
  return metadata.get(target)?.get(key);
}

function defineMetadata(key: unknown, value: unknown, target: object): void {
  const entries = metadata.get(target) ?? new Map<unknown, unknown>();
  entries.set(key, value);
  metadata.set(target, entries);
}

Object.assign(Reflect, { getMetadata, getOwnMetadata: getMetadata, defineMetadata });
