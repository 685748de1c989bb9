import { join } from "node:path";
import { FileLog, relaxedFileSystem } from "@titan-kv/raft/wal";
import type { Logger } from "pino";
import type { NodeSettings } from "./node-settings.ts";

/** The node's Raft log, as durable as the operator wants it. @throws RaftError LOCKED when another process has it. */
export function openLog(
  settings: NodeSettings,
  onFailure: (reason: string) => void,
  logger: Logger,
): Promise<FileLog> {
  const { durability, syncIntervalMs } = settings;
  const directory = join(settings.directory, "wal");
  if (durability === "always") return FileLog.open({ directory });
  const fileSystem = relaxedFileSystem({
    ...(durability === "interval" ? { syncIntervalMs } : {}),
    onSyncFailure: (error) => {
      logger.fatal({ err: error }, "the log could not be made durable");
      // What the page cache lost nobody knows; nothing that this process believes about its log can be trusted.
      onFailure("the log could not be made durable");
    },
  });
  return FileLog.open({ directory, fileSystem });
}
