import { defaultDevDirectory } from "./dev-layout.ts";

/** The directory of the development cluster that is meant: the flag, then TITAN_DEV_DIR, then `titan-data/dev`. */
export function chosenDevDirectory(
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string {
  return flag ?? env["TITAN_DEV_DIR"] ?? defaultDevDirectory;
}
