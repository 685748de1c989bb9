import { describe, expect, it } from "vitest";
import { Progress } from "./progress.ts";

function progress(state: "probe" | "replicate", match = 3, next = 5): Progress {
  const made = new Progress({
    replica: 2,
    next: 1,
    learner: false,
    limits: { maxMessages: 2, maxBytes: 100 },
  });
  made.reset({ match, next });
  if (state === "replicate") made.becomeReplicate();
  return made;
}

describe("what a leader knows of a peer", () => {
  it("a probe pauses until it is answered; the answer of another probe does not count", () => {
    const peer = progress("probe");
    peer.sent({ count: 1, bytes: 1, commit: 0 });
    expect(peer.paused).toBe(true);
    expect(peer.rejected(3, 1)).toBe(false);
    expect(peer.paused).toBe(true);
    expect(peer.rejected(4, 1)).toBe(true);
    expect(peer.paused).toBe(false);
    // Never below what the peer is known to have.
    expect(peer.next).toBe(4);
  });

  it("a stream moves on with each append and pauses when the window is full", () => {
    const peer = progress("replicate", 3);
    peer.sent({ count: 2, bytes: 10, commit: 0 });
    expect([peer.next, peer.paused]).toEqual([6, false]);
    peer.sent({ count: 1, bytes: 10, commit: 0 });
    expect([peer.next, peer.paused]).toEqual([7, true]);
    peer.inflights.release(5);
    expect(peer.accept(5)).toBe(true);
    expect(peer.paused).toBe(false);
    expect(peer.accept(5)).toBe(false);
  });

  it("a rejection of what the peer has is out of date", () => {
    const peer = progress("replicate", 3);
    expect(peer.rejected(3, 0)).toBe(false);
    peer.sent({ count: 4, bytes: 1, commit: 0 });
    expect(peer.rejected(7, 2)).toBe(true);
    expect(peer.next).toBe(4);
  });

  it("a commit index is owed until it was sent with the entries it covers", () => {
    const peer = progress("replicate", 3);
    expect(peer.owesCommit(3)).toBe(true);
    peer.sent({ count: 0, bytes: 0, commit: 3 });
    expect(peer.owesCommit(3)).toBe(false);
    peer.sent({ count: 2, bytes: 1, commit: 5 });
    expect(peer.owesCommit(6)).toBe(false);
    // What was sent may be lost: then the index counts as heard only up to where the entries are.
    peer.becomeProbe();
    expect(peer.owesCommit(5)).toBe(false);
    expect(peer.next).toBe(4);
  });

  it("after a snapshot probing begins behind it, after a failed one where it left off", () => {
    const peer = progress("replicate", 3);
    peer.becomeSnapshot(20);
    expect([peer.paused, peer.next]).toEqual([true, 21]);
    peer.becomeProbe();
    expect(peer.next).toBe(21);
    peer.becomeSnapshot(20);
    peer.failSnapshot();
    expect(peer.next).toBe(4);
  });

  it("a match that is not below next is a broken invariant", () => {
    const peer = progress("replicate", 3);
    peer.match = 9;
    expect(() => peer.check()).toThrow(/not below next/);
  });
});
