/** Certificates from files, replaced while the node runs. */
import { readFile } from "node:fs/promises";
import { watch, type FSWatcher } from "node:fs";
import { dirname } from "node:path";
import { createSecureContext, type SecureContext } from "node:tls";

/** Where the certificate of a port lies, as PEM. */
export interface TlsFileNames {
  /** The certificate, followed by intermediate ones. */
  readonly certFile: string;
  /** Its private key. */
  readonly keyFile: string;
  /** The authorities whose certificates the other side may have; absent means those of the system. */
  readonly caFile?: string | undefined;
}

/** What the files held when they were last read and found good. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

/** How long files must be left alone before they are read again, in milliseconds: they are replaced one by one. */
const settleMs = 500;

/** Oldest version of TLS that is spoken. */
export const minTlsVersion = "TLSv1.2";

/** The certificate of a port as its files have it. */
export class TlsFiles {
  readonly #names: TlsFileNames;
  readonly #listeners = new Set<(material: TlsMaterial) => void>();
  #material: TlsMaterial;
  #context: SecureContext;
  #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | undefined;

  private constructor(names: TlsFileNames, material: TlsMaterial) {
    this.#names = names;
    this.#material = material;
    this.#context = contextOf(material);
  }

  /** Reads the files. @throws when one cannot be read, or certificate and key do not belong together. */
  static async load(names: TlsFileNames): Promise<TlsFiles> {
    return new TlsFiles(names, await read(names));
  }

  /** What connections made from now on use. */
  get material(): TlsMaterial {
    return this.#material;
  }

  /** The same, ready for use. */
  get context(): SecureContext {
    return this.#context;
  }

  /** Calls `listener` after each change. */
  onChange(listener: (material: TlsMaterial) => void): void {
    this.#listeners.add(listener);
  }

  /**
   * Reads the files again; what they held before stays in use when they are not good. Connections that are open keep
   * the certificate they began with.
   * @throws as `load`.
   */
  async reload(): Promise<void> {
    const material = await read(this.#names);
    this.#context = contextOf(material);
    this.#material = material;
    for (const listener of this.#listeners) listener(material);
  }

  /** Reloads when the files change. `onError` is told when they changed and are not good. */
  watch(onError: (error: unknown) => void): void {
    const { certFile, keyFile, caFile } = this.#names;
    // The directories, since files are usually replaced by renaming, and Kubernetes swaps a link to a directory.
    const directories = new Set(
      [certFile, keyFile, ...(caFile === undefined ? [] : [caFile])].map((name) => dirname(name)),
    );
    for (const directory of directories) {
      const watcher = watch(directory, { persistent: false }, () => {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => {
          this.reload().catch(onError);
        }, settleMs);
        this.#timer.unref();
      });
      watcher.on("error", onError);
      this.#watchers.push(watcher);
    }
  }

  /** Stops watching. */
  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }
}

function contextOf(material: TlsMaterial): SecureContext {
  // Throws when certificate and key do not belong together, before anything uses them.
  return createSecureContext({ ...material, minVersion: minTlsVersion });
}

async function read(names: TlsFileNames): Promise<TlsMaterial> {
  const [cert, key, ca] = await Promise.all([
    readFile(names.certFile),
    readFile(names.keyFile),
    names.caFile === undefined ? undefined : readFile(names.caFile),
  ]);
  return ca === undefined ? { cert, key } : { cert, key, ca };
}
