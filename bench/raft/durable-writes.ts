/**
 * Ways to make bytes durable with Node, in a preallocated file, one after the other. Run with
 * `node bench/raft/durable-writes.ts [writes] [bytes]` in a directory on the disk to be measured.
 */
import * as fs from "node:fs";
import { promisify } from "node:util";

const writes = Number(process.argv[2] ?? 1000);
const bytes = Number(process.argv[3] ?? 512);
const path = ".bench-durable-writes";
const fileBytes = 64 << 20;
const data = new Uint8Array(bytes).fill(1);
const write = promisify(fs.write);
const fdatasync = promisify(fs.fdatasync);

async function measure(
  name: string,
  flags: number,
  step: (descriptor: number, position: number) => Promise<void> | void,
): Promise<void> {
  const prepared = fs.openSync(path, "w");
  fs.writeSync(prepared, new Uint8Array(fileBytes), 0, fileBytes, 0);
  fs.fsyncSync(prepared);
  fs.closeSync(prepared);
  const descriptor = fs.openSync(path, fs.constants.O_RDWR | flags);
  const latencies: number[] = [];
  const began = performance.now();
  for (let count = 0; count < writes; count++) {
    const before = performance.now();
    await step(descriptor, (count * bytes) % (fileBytes - bytes));
    latencies.push(performance.now() - before);
  }
  const rate = (writes / (performance.now() - began)) * 1000;
  fs.closeSync(descriptor);
  fs.unlinkSync(path);
  latencies.sort((one, other) => one - other);
  const at = (share: number): string => (latencies[Math.floor(writes * share)] ?? 0).toFixed(3).padStart(8);
  console.log(name.padEnd(40), rate.toFixed(0).padStart(8), at(0.5), at(0.99));
}

console.log(`${writes} writes of ${bytes} bytes`.padEnd(40), "writes/s", "  p50 ms", "  p99 ms");
await measure("write, fdatasync (asynchronous)", 0, async (descriptor, position) => {
  await write(descriptor, data, 0, bytes, position);
  await fdatasync(descriptor);
});
await measure("writeSync, fdatasync (asynchronous)", 0, async (descriptor, position) => {
  fs.writeSync(descriptor, data, 0, bytes, position);
  await fdatasync(descriptor);
});
await measure("O_DSYNC, write (asynchronous)", fs.constants.O_DSYNC, async (descriptor, position) => {
  await write(descriptor, data, 0, bytes, position);
});
await measure("writeSync, fdatasyncSync (blocking)", 0, (descriptor, position) => {
  fs.writeSync(descriptor, data, 0, bytes, position);
  fs.fdatasyncSync(descriptor);
});
await measure("O_DSYNC, writeSync (blocking)", fs.constants.O_DSYNC, (descriptor, position) => {
  fs.writeSync(descriptor, data, 0, bytes, position);
});
