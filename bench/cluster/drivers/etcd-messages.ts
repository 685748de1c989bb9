/** The four messages of etcd's API that the lean client and the stub need, by hand: tags and lengths of protobuf. */

const keyTag = 0x0a; // field 1, bytes
const valueTag = 0x12; // field 2, bytes
const kvsTag = 0x12; // RangeResponse.kvs: field 2, messages
const kvValueTag = 0x2a; // KeyValue.value: field 5, bytes

/** Bytes before each message of a gRPC stream: a flag for compression and the length. */
export const grpcPrefixBytes = 5;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}

function bytesField(tag: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([tag, ...varint(content.length)]), content]);
}

/** A message as gRPC sends it. */
export function grpcMessage(content: Uint8Array): Buffer {
  const message = Buffer.allocUnsafe(grpcPrefixBytes + content.length);
  message[0] = 0;
  message.writeUInt32BE(content.length, 1);
  message.set(content, grpcPrefixBytes);
  return message;
}

/** `PutRequest` with a key and a value. */
export function putRequest(key: string, value: Uint8Array): Buffer {
  return grpcMessage(Buffer.concat([bytesField(keyTag, Buffer.from(key)), bytesField(valueTag, value)]));
}

/** `RangeRequest` for one key; linearizable, as `serializable` is left out. */
export function rangeRequest(key: string): Buffer {
  return grpcMessage(bytesField(keyTag, Buffer.from(key)));
}

/** `RangeResponse` with one entry, without the header that a real server adds. */
export function rangeResponse(key: string, value: Uint8Array): Buffer {
  const entry = Buffer.concat([bytesField(keyTag, Buffer.from(key)), bytesField(kvValueTag, value)]);
  return grpcMessage(bytesField(kvsTag, entry));
}

/** The value in a `RangeResponse` to a request for one key. */
export function valueInRangeResponse(message: Buffer): Uint8Array | undefined {
  const entry = fieldOf(message.subarray(grpcPrefixBytes), kvsTag);
  return entry === undefined ? undefined : (fieldOf(entry, kvValueTag) ?? Buffer.alloc(0));
}

/** The content of the first field with a tag, of a message that has only fields of numbers and of bytes. */
function fieldOf(message: Buffer, wanted: number): Buffer | undefined {
  let position = 0;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[position] ?? 0;
      position += 1;
      // Ids and revisions do not fit into 32 bits and come out wrong; they are only skipped.
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (position < message.length) {
    const tag = number();
    const isBytes = (tag & 7) === 2;
    const amount = number();
    if (!isBytes) continue;
    if (tag === wanted) return message.subarray(position, position + amount);
    position += amount;
  }
  return undefined;
}
