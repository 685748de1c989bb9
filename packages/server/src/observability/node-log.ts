/** The log of a node: JSON lines, one logger per component, one level for all. */
import pino, { type DestinationStream, type Logger } from "pino";
import type { LogLevel } from "../config/node-options.ts";

/** Fields that never reach the log, wherever in a logged object they are, down to the third level. */
const secretFields = [
  "authorization",
  "cookie",
  "token",
  "joinToken",
  "nodeToken",
  "password",
  "secret",
  "key",
  "privateKey",
  "passphrase",
  "pfx",
];
/** The same as headers, which have dashes. */
const secretHeaders = ["titan-node-token", "proxy-authorization", "set-cookie"];

function pathsAt(depth: number): string[] {
  const above = "*.".repeat(depth);
  const dashed = above === "" ? "" : above.slice(0, -1);
  return [
    ...secretFields.map((field) => above + field),
    ...secretHeaders.map((header) => `${dashed}["${header}"]`),
  ];
}

/** How a log is written. */
export interface NodeLogOptions {
  readonly level: LogLevel;
  /** In every line, such as `{ node: 3 }`. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Where lines go; default standard output. */
  readonly destination?: DestinationStream;
}

/**
 * The loggers of a node's components. Values of fields whose names promise a secret are replaced, `key` among them:
 * users' keys belong to users, and TLS keys to nobody.
 */
export class NodeLog {
  readonly root: Logger;

  constructor(options: NodeLogOptions) {
    const settings: pino.LoggerOptions = {
      level: options.level,
      base: { ...options.fields },
      redact: { paths: [0, 1, 2].flatMap(pathsAt), censor: "[redacted]" },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    };
    this.root = options.destination === undefined ? pino(settings) : pino(settings, options.destination);
  }

  /** A logger whose lines name a component, such as `raft`. */
  component(name: string): Logger {
    return this.root.child({ component: name });
  }

  get level(): LogLevel {
    return this.root.level as LogLevel;
  }

  /** Changes what is written from here on, by every component: loggers without a level of their own follow their parent. */
  set level(level: LogLevel) {
    this.root.level = level;
  }
}
