import { connect } from "node:net";
import { CliError } from "../program/cli-error.ts";
import { type DevAnswer, type DevRequest, maxControlBytes } from "./control-protocol.ts";
import type { DevDirectory } from "./dev-layout.ts";

/** Asks the development cluster that runs in a directory. @throws CliError when none runs there, or it refuses. */
export async function askDevCluster(
  directory: DevDirectory,
  request: DevRequest,
): Promise<Extract<DevAnswer, { ok: true }>> {
  const line = await exchange(directory, `${JSON.stringify(request)}\n`);
  const answer = JSON.parse(line) as DevAnswer;
  if (!answer.ok) throw new CliError("USAGE", answer.message, { nextStep: answer.nextStep });
  return answer;
}

function exchange(directory: DevDirectory, line: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(directory.controlPath);
  let text = "";
  const fail = (error: unknown): void => {
    reject(
      new CliError("UNREACHABLE", `no development cluster runs in ${directory.path}`, {
        nextStep: "start one with `titan dev`, or name its directory with --dir",
        cause: error,
      }),
    );
  };
  socket.setEncoding("utf8");
  socket.once("connect", () => socket.write(line));
  socket.on("data", (chunk: string) => {
    text += chunk;
    if (text.length > maxControlBytes) socket.destroy(new Error("the answer is too long"));
  });
  socket.once("error", fail);
  socket.once("close", () => {
    if (text.endsWith("\n")) resolve(text);
    else fail(new Error("the cluster closed the connection"));
  });
  return promise;
}
