/**
 * Counts the bytes that code asks for. A length field that claims four gigabytes must not become an allocation before
 * somebody has seen four gigabytes; watching the process's memory would show that only when it is too late, and not at
 * all when the memory is never touched. So every way to ask for memory by a number is wrapped.
 */

/** Bytes of an element of an array that is made by its length. */
const elementBytes = 8;

const count = { bytes: 0 };

/** Bytes asked for since the last call. */
export function takeAllocatedBytes(): number {
  const { bytes } = count;
  count.bytes = 0;
  return bytes;
}

function counted<Type extends new (...given: never[]) => object>(type: Type, bytesPerElement: number): Type {
  const wrapped: Type = new Proxy(type, {
    construct(target, given: unknown[], newTarget) {
      const [size] = given;
      if (given.length === 1 && typeof size === "number" && size > 0) count.bytes += size * bytesPerElement;
      return Reflect.construct(target, given, newTarget === wrapped ? target : newTarget) as object;
    },
  });
  return wrapped;
}

function countCalls(name: "alloc" | "allocUnsafe" | "allocUnsafeSlow"): void {
  const original = Buffer[name].bind(Buffer) as (size: number, ...rest: unknown[]) => Buffer;
  Object.defineProperty(Buffer, name, {
    value: (size: number, ...rest: unknown[]) => {
      count.bytes += size;
      return original(size, ...rest);
    },
  });
}

let installed = false;

/** Begins to count, for the life of this thread. Before the code that is watched is loaded, which may keep a reference. */
export function installAllocationMeter(): void {
  if (installed) return;
  installed = true;
  countCalls("alloc");
  countCalls("allocUnsafe");
  countCalls("allocUnsafeSlow");
  const types = [
    Uint8Array,
    Int8Array,
    Uint16Array,
    Int16Array,
    Uint32Array,
    Int32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ];
  for (const type of types) {
    Object.defineProperty(globalThis, type.name, { value: counted(type, type.BYTES_PER_ELEMENT) });
  }
  Object.defineProperty(globalThis, "ArrayBuffer", { value: counted(ArrayBuffer, 1) });
  Object.defineProperty(globalThis, "SharedArrayBuffer", { value: counted(SharedArrayBuffer, 1) });
  const from = Array.from.bind(Array) as (source: unknown, ...rest: unknown[]) => unknown[];
  Object.defineProperty(Array, "from", {
    value(source: { readonly length?: unknown }, ...rest: unknown[]) {
      if (typeof source?.length === "number") count.bytes += source.length * elementBytes;
      return from(source, ...rest);
    },
  });
}
