/**
 * One port, several protocols. Node's HTTP/2 server in clear does not take HTTP/1.1, and the other way round; but both,
 * and the frames between nodes, can be told apart by their first bytes: HTTP/2 begins with `PRI `, which is no HTTP/1.1
 * method. So the port looks at the first bytes, puts them back, and hands the socket to whoever speaks its language.
 */
import type { Socket } from "node:net";

/** Bytes that tell the protocols apart. The shortest message of any of them is longer. */
export const headBytes = 4;

/** How an HTTP/2 connection begins, in clear or inside TLS. */
export const http2Head = "PRI ";

function ignoreError(): void {
  // A socket that fails is closed, and whoever serves it notices by "close". Without a listener the same error would
  // end the process.
}

/**
 * Waits for the first bytes of a connection and calls `onHead` with them as text, the socket paused and the bytes put
 * back. A connection that does not send them in time is destroyed. Nothing a socket does after this call can end the
 * process: it has an error listener for as long as it lives.
 */
export function peekHead(socket: Socket, timeoutMs: number, onHead: (head: string) => void): void {
  const chunks: Buffer[] = [];
  let received = 0;
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  timer.unref();

  function stop(): void {
    clearTimeout(timer);
    socket.off("data", onData);
    socket.off("close", stop);
    socket.off("end", onEnd);
  }

  /** Some servers keep a socket of which only one half is closed; here there is nothing left to wait for. */
  function onEnd(): void {
    socket.destroy();
  }

  function onData(chunk: Buffer): void {
    chunks.push(chunk);
    received += chunk.length;
    if (received < headBytes) return;
    stop();
    socket.pause();
    const begun = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    socket.unshift(begun);
    onHead(begun.toString("latin1", 0, headBytes));
  }

  socket.on("error", ignoreError);
  socket.on("close", stop);
  socket.on("end", onEnd);
  socket.on("data", onData);
}
