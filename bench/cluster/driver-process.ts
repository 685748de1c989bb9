/**
 * A process that drives one system through one client and does what its parent orders, one order after the other.
 *
 * Started by `driver-host.ts`; the setup is the argument, orders and answers are messages. It ends with its parent.
 */
import { openDriver } from "./drivers/open-driver.ts";
import type { Driver } from "./drivers/driver.ts";
import { keysOf, valueOf } from "./key-space.ts";
import { fillKeys, measureLoad } from "./load.ts";
import type { DriverAnswer, DriverOrder, DriverSetup } from "./measurement.ts";

const setup = JSON.parse(process.argv[2] ?? "") as DriverSetup;
const keys = keysOf(setup.keys);

function answer(message: DriverAnswer): void {
  process.send?.(message);
}

function fail(error: unknown): void {
  answer({
    type: "failed",
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
}

async function follow(order: DriverOrder, driver: Driver): Promise<void> {
  switch (order.type) {
    case "fill":
      await fillKeys(driver, keys, valueOf(order.valueBytes));
      answer({ type: "done" });
      break;
    case "measure": {
      const { cell, warmupMs, measureMs } = order;
      const value = valueOf(cell.valueBytes);
      const { seed, serverPids, dataDirectory } = setup;
      const sample = await measureLoad({
        driver,
        cell,
        keys,
        value,
        seed,
        warmupMs,
        measureMs,
        serverPids,
        dataDirectory,
      });
      answer({ type: "done", sample });
      break;
    }
    case "end":
      await driver.close();
      process.disconnect();
      break;
  }
}

process.once("disconnect", () => process.exit());
try {
  const driver = await openDriver(setup.driver, setup.endpoints);
  process.on("message", (order: DriverOrder) => {
    follow(order, driver).catch(fail);
  });
  answer({ type: "ready" });
} catch (error) {
  fail(error);
}
