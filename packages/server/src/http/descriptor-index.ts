import {
  type DescEnum,
  type DescExtension,
  type DescFile,
  type DescMessage,
  type DescService,
  toBinary,
} from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

/** The `.proto` files behind some services, found by what they declare. */
export class DescriptorIndex {
  /** Full names of the services. */
  readonly serviceNames: readonly string[];
  readonly #files = new Map<string, DescFile>();
  readonly #symbols = new Map<string, DescFile>();
  /** Files of extensions by extended message and number. */
  readonly #extensions = new Map<string, Map<number, DescFile>>();
  readonly #encoded = new Map<DescFile, Uint8Array>();
  readonly #messages = new Set<string>();

  constructor(services: readonly DescService[]) {
    this.serviceNames = services.map((service) => service.typeName).toSorted();
    for (const service of services) this.#addFile(service.file);
  }

  /** The file of a name, as in an `import`. */
  fileNamed(name: string): DescFile | undefined {
    return this.#files.get(name);
  }

  /** The file that declares a service, method, message, field, oneof, enum or enum value, by full name. */
  fileOfSymbol(symbol: string): DescFile | undefined {
    return this.#symbols.get(symbol);
  }

  /** The file that extends a message with a field of this number. */
  fileOfExtension(message: string, number: number): DescFile | undefined {
    return this.#extensions.get(message)?.get(number);
  }

  /** Numbers of all extensions of a message, ascending; `undefined` when there is no such message. */
  extensionNumbers(message: string): number[] | undefined {
    if (!this.#messages.has(message)) return undefined;
    return [...(this.#extensions.get(message)?.keys() ?? [])].toSorted((left, right) => left - right);
  }

  /**
   * The file and everything it imports, encoded, the file first. What is in `sent` is left out, except the file itself,
   * and what is returned is added to it.
   */
  withImports(file: DescFile, sent: Set<string>): Uint8Array[] {
    const encoded: Uint8Array[] = [];
    const waiting = [file];
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (sent.has(next.proto.name) && encoded.length > 0) continue;
      sent.add(next.proto.name);
      encoded.push(this.#encode(next));
      waiting.push(...next.dependencies);
    }
    return encoded;
  }

  #encode(file: DescFile): Uint8Array {
    const known = this.#encoded.get(file);
    if (known !== undefined) return known;
    const encoded = toBinary(FileDescriptorProtoSchema, file.proto);
    this.#encoded.set(file, encoded);
    return encoded;
  }

  #addFile(file: DescFile): void {
    if (this.#files.has(file.proto.name)) return;
    this.#files.set(file.proto.name, file);
    for (const type of nestedTypes(file)) this.#addType(file, type);
    for (const imported of file.dependencies) this.#addFile(imported);
  }

  #addType(file: DescFile, type: DescMessage | DescEnum | DescExtension | DescService): void {
    this.#symbols.set(type.typeName, file);
    switch (type.kind) {
      case "message":
        this.#messages.add(type.typeName);
        for (const member of [...type.fields, ...type.oneofs]) {
          this.#symbols.set(`${type.typeName}.${member.name}`, file);
        }
        break;
      case "enum": {
        // As in C++, the values of an enum are siblings of the enum, not its children.
        const scope = type.typeName.slice(0, type.typeName.lastIndexOf(".") + 1);
        for (const value of type.values) this.#symbols.set(scope + value.name, file);
        break;
      }
      case "extension": {
        const { typeName } = type.extendee;
        const numbers = this.#extensions.get(typeName) ?? new Map<number, DescFile>();
        this.#extensions.set(typeName, numbers.set(type.number, file));
        break;
      }
      case "service":
        for (const method of type.methods) this.#symbols.set(`${type.typeName}.${method.name}`, file);
        break;
    }
  }
}
