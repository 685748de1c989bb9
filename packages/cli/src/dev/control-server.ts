/** Takes commands for a running development cluster from other terminals, over a socket in its directory. */
import { rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { CliError, localError } from "../program/cli-error.ts";
import { type DevAnswer, type DevRequest, devActions, maxControlBytes } from "./control-protocol.ts";

/** Answers a request; what it throws becomes an answer too. */
export type ControlHandler = (request: DevRequest) => Promise<DevAnswer>;

export class ControlServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(handler: ControlHandler) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      serveRequest(socket, handler);
    });
  }

  /** Listens. @throws CliError LOCAL when a cluster already runs in the directory. */
  static async open(path: string, handler: ControlHandler): Promise<ControlServer> {
    const control = new ControlServer(handler);
    if (await isAnswered(path)) {
      throw localError(
        "a development cluster runs in this directory already",
        undefined,
        "use it from here (`titan status`), stop it with `titan dev stop`, or start another one with --dir",
      );
    }
    // What is left of a supervisor that was killed; nobody answers there.
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      control.#server.once("error", reject);
      control.#server.listen(path, resolve);
    });
    return control;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // The answer to the command that stops the cluster may still be on its way.
    for (const socket of this.#sockets) socket.destroySoon();
    await closed;
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function serveRequest(socket: Socket, handler: ControlHandler): void {
  let text = "";
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: string) => {
    text += chunk;
    if (text.length > maxControlBytes) socket.destroy();
    const end = text.indexOf("\n");
    if (end < 0) return;
    socket.removeAllListeners("data");
    void answer(text.slice(0, end), handler).then((result) => {
      socket.end(`${JSON.stringify(result)}\n`);
    });
  });
}

async function answer(line: string, handler: ControlHandler): Promise<DevAnswer> {
  try {
    return await handler(parseRequest(line));
  } catch (error) {
    const nextStep = error instanceof CliError ? error.nextStep : undefined;
    return { ok: false, message: (error as Error).message, nextStep };
  }
}

function parseRequest(line: string): DevRequest {
  const { action, words } = JSON.parse(line) as Partial<DevRequest>;
  if (action === undefined || !devActions.includes(action)) {
    throw new CliError("USAGE", `there is no command ${JSON.stringify(action)}`);
  }
  if (!Array.isArray(words) || words.some((word) => typeof word !== "string")) {
    throw new CliError("USAGE", "the command's words are missing");
  }
  return { action, words };
}
