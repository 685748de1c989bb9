import { below, type Random } from "../src/random.ts";

/** The bytes cut into pieces as a network might. */
export function cutIntoPieces(bytes: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = [];
  const most = random() < 0.3 ? 8 : Math.max(1, bytes.length);
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + below(random, most);
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}

/** The same as a stream. */
export async function* inPieces(bytes: Buffer, random: Random): AsyncGenerator<Buffer> {
  yield* cutIntoPieces(bytes, random);
}
