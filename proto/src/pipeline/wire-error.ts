/** A message on a pipeline is not valid Protocol Buffers, or not the message it should be. The stream cannot go on. */
export class WireError extends Error {
  override readonly name = "WireError";
}
