/**
 * What a disk has been given to write, counted at the disk itself.
 *
 * `/proc/<pid>/io` would tell it per process, but its `write_bytes` are pages made dirty, and a kernel with large folios counts
 * two megabytes when 300 bytes in the middle of one are written: a thousand times what reaches the disk. The disk's own
 * counter cannot tell processes apart, which is enough here, as only one system runs at a time.
 */
import { readFileSync, statSync } from "node:fs";

/** Unit of /proc/diskstats, whatever the disk's own. */
const sectorBytes = 512;

/** Bytes written to a device, in a text of /proc/diskstats; nothing when it is not there. */
export function writtenInDiskstats(
  text: string,
  device: { major: number; minor: number },
): number | undefined {
  for (const line of text.split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (Number(fields[0]) === device.major && Number(fields[1]) === device.minor)
      return Number(fields[9]) * sectorBytes;
  }
  return undefined;
}

/** Major and minor number in the `dev` of a file, as glibc packs them. */
export function deviceOf(dev: number): { major: number; minor: number } {
  const bits = BigInt(dev);
  return {
    major: Number(((bits >> 8n) & 0xfffn) | ((bits >> 32n) & 0xfffff000n)),
    minor: Number((bits & 0xffn) | ((bits >> 12n) & 0xffffff00n)),
  };
}

/** Bytes written so far to the disk that holds a directory; nothing when it is not on a disk, or the system does not tell. */
export function diskBytesWritten(directory: string): number | undefined {
  try {
    return writtenInDiskstats(readFileSync("/proc/diskstats", "utf8"), deviceOf(statSync(directory).dev));
  } catch {
    return undefined;
  }
}
