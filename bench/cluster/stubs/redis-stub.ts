/**
 * Speaks just enough of redis' protocol to answer `SET` and `GET` at once: what remains is the cost of the client. Prints
 * where it listens.
 *
 *     node bench/cluster/stubs/redis-stub.ts <value bytes>
 */
import { type AddressInfo, createServer, type Socket } from "node:net";

const value = Buffer.alloc(Number(process.argv[2] ?? 256), "v");
const found = Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from("\r\n")]);
const ok = Buffer.from("+OK\r\n");
/** What a client asks when it connects: whether the server is loading. An empty answer says no. */
const nothing = Buffer.from("$0\r\n\r\n");

const star = 0x2a;
const carriageReturn = 0x0d;

/** Reads a number that ends with CR LF; the position after it, or -1 when it is not all there. */
function readLength(buffer: Buffer, start: number): { value: number; next: number } | undefined {
  const end = buffer.indexOf(carriageReturn, start);
  if (end < 0 || end + 2 > buffer.length) return undefined;
  return { value: Number(buffer.toString("latin1", start, end)), next: end + 2 };
}

/** The end of the command that begins at `start`, and its name; nothing when it is not all there. */
function readCommand(buffer: Buffer, start: number): { name: string; end: number } | undefined {
  if (buffer[start] !== star) return undefined;
  const count = readLength(buffer, start + 1);
  if (count === undefined) return undefined;
  let position = count.next;
  let name = "";
  for (let index = 0; index < count.value; index += 1) {
    const length = readLength(buffer, position + 1);
    if (length === undefined || length.next + length.value + 2 > buffer.length) return undefined;
    if (index === 0) name = buffer.toString("latin1", length.next, length.next + length.value).toLowerCase();
    position = length.next + length.value + 2;
  }
  return { name, end: position };
}

function answer(name: string): Buffer {
  if (name === "get") return found;
  return name === "info" ? nothing : ok;
}

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  socket.on("error", () => undefined);
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    const buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const answers: Buffer[] = [];
    let position = 0;
    for (
      let command = readCommand(buffer, 0);
      command !== undefined;
      command = readCommand(buffer, position)
    ) {
      answers.push(answer(command.name));
      position = command.end;
    }
    rest = buffer.subarray(position);
    if (answers.length > 0) socket.write(Buffer.concat(answers));
  });
}

const server = createServer(serve);
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.once("disconnect", () => process.exit());
