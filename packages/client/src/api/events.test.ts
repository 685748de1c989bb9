import { expect, it, vi } from "vitest";
import { ClientEvents } from "./events.ts";

it("listeners hear events until they stop, and one that throws does not keep the others from hearing", async () => {
  const events = new ClientEvents();
  const heard: string[] = [];
  const thrown = new Error("a listener's mistake");
  const uncaught: unknown[] = [];
  const queued = vi.spyOn(globalThis, "queueMicrotask").mockImplementation((task) => {
    try {
      task();
    } catch (error) {
      uncaught.push(error);
    }
  });
  events.on("connect", () => {
    throw thrown;
  });
  const stop = events.on("connect", ({ address }) => heard.push(address));
  events.emit("connect", { address: "a:1" });
  stop();
  events.emit("connect", { address: "a:2" });
  expect(heard).toEqual(["a:1"]);
  expect(uncaught).toEqual([thrown, thrown]);
  expect(events.has("connect")).toBe(true);
  expect(events.has("retry")).toBe(false);
  queued.mockRestore();
});
