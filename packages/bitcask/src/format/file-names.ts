/** Names inside a store's directory. */
export const currentName = "CURRENT";
export const currentTemporaryName = "CURRENT.tmp";
export const quarantineName = "quarantine";

const dataPattern = /^(\d{10})\.data$/;
const manifestPattern = /^MANIFEST-(\d{6,})$/;
const temporaryPattern = /\.tmp$/;

/** `0000000001.data`: zero-padded so that a directory listing is in order. */
export function dataName(fileId: number): string {
  return `${String(fileId).padStart(10, "0")}.data`;
}

export function hintName(fileId: number): string {
  return `${String(fileId).padStart(10, "0")}.hint`;
}

/** A hint under construction; whole files only ever appear under their final name. */
export function hintTemporaryName(fileId: number): string {
  return `${hintName(fileId)}.tmp`;
}

export function manifestName(number: number): string {
  return `MANIFEST-${String(number).padStart(6, "0")}`;
}

export function dataFileIdOf(name: string): number | undefined {
  const match = dataPattern.exec(name);
  return match === null ? undefined : Number(match[1]);
}

export function hintFileIdOf(name: string): number | undefined {
  const match = /^(\d{10})\.hint$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

export function manifestNumberOf(name: string): number | undefined {
  const match = manifestPattern.exec(name);
  return match === null ? undefined : Number(match[1]);
}

export function isTemporary(name: string): boolean {
  return temporaryPattern.test(name);
}
