import { expect, test } from "vitest";
import { deviceOf, writtenInDiskstats } from "./disk-writes.ts";
import { fileSystemIn } from "./machine.ts";
import { cpuSecondsOf } from "./processor-time.ts";

test("processor time is read behind a name that looks like fields", () => {
  const stat = "42 (a) b 9 9) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 11 0 1234 0 0";
  expect(cpuSecondsOf(stat)).toBe(3);
});

test("bytes written are those of the device, not of one with a similar number", () => {
  const text = [
    "   7       0 loop0 1 0 8 0 0 0 0 0 0 0 0",
    " 254       0 vda 283850 59789 10358730 180843 5833674 367114 1000 1019548 0 485680 1502791",
    " 254       1 vda1 1 0 8 0 1 0 30 0 0 0 0",
  ].join("\n");
  expect(writtenInDiskstats(text, { major: 254, minor: 0 })).toBe(512_000);
  expect(writtenInDiskstats(text, { major: 254, minor: 1 })).toBe(15_360);
  expect(writtenInDiskstats(text, { major: 8, minor: 0 })).toBeUndefined();
});

test("a device number is taken apart as the system library does", () => {
  expect(deviceOf(0xfe00)).toEqual({ major: 254, minor: 0 });
  expect(deviceOf(0x10_3001)).toEqual({ major: 48, minor: 257 });
});

test("a directory belongs to the mount with the longest path above it", () => {
  const mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/disk xfs rw 0 0\n";
  expect(fileSystemIn(mounts, "/tmp/disk/run")).toBe("xfs");
  expect(fileSystemIn(mounts, "/tmp/diskette")).toBe("tmpfs");
  expect(fileSystemIn(mounts, "/var")).toBe("ext4");
});
