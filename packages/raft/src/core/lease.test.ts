import { describe, expect, it } from "vitest";
import { Lease } from "./lease.ts";

describe("a lease", () => {
  it("lasts from when the newest confirmed round was sent", () => {
    const lease = new Lease(9);
    lease.roundSent(1, 100);
    lease.roundSent(2, 104);
    lease.roundSent(3, 108);
    expect(lease.valid(100)).toBe(false);
    lease.roundConfirmed(2);
    expect([lease.valid(112.9), lease.valid(113)]).toEqual([true, false]);
    lease.roundConfirmed(1);
    expect(lease.valid(112.9)).toBe(true);
  });

  it("after a revocation only rounds that are sent later count", () => {
    const lease = new Lease(9);
    lease.roundSent(1, 100);
    lease.revoke();
    lease.roundConfirmed(1);
    expect(lease.valid(101)).toBe(false);
    lease.roundSent(2, 102);
    lease.roundConfirmed(2);
    expect(lease.valid(103)).toBe(true);
  });

  it("once forfeited does not come back before a new term", () => {
    const lease = new Lease(9);
    lease.forfeit();
    lease.roundSent(1, 100);
    lease.roundConfirmed(1);
    expect(lease.valid(101)).toBe(false);
    lease.reset();
    lease.roundSent(2, 102);
    lease.roundConfirmed(2);
    expect(lease.valid(103)).toBe(true);
  });
});
