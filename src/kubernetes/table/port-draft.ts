/** The ports of a Service or of a slice while their row is made. */
import { fieldsOf, itemsOf, textOf } from "./fields.ts";
import { Protocol } from "./layout.ts";
import type { RowText } from "./row-text.ts";

/** More than any Service has. */
const MAX_PORTS = 1_000;

export class PortDraft {
  count = 0;
  readonly #words = new Int32Array(MAX_PORTS);
  /** Offsets of the names in the text; 0 is the empty label. */
  readonly #names = new Int32Array(MAX_PORTS);

  /** Takes `ports` of the API. `refuse` hears of each that is none. */
  read(ports: unknown, text: RowText, refuse: (reason: string) => void): void {
    this.count = 0;
    for (const item of itemsOf(ports)) {
      const { name, port, protocol } = fieldsOf(item);
      const word = portWord(port, protocol);
      if (word < 0 || this.count === MAX_PORTS) {
        refuse(word < 0 ? "a port that is none" : "too many ports");
        continue;
      }
      const nameAt = textOf(name) === "" ? 0 : text.label(textOf(name));
      if (nameAt === 0 && textOf(name) !== "") refuse("a port's name that is no label");
      else if (this.#has(word, nameAt, text.bytes)) refuse("a port that is there twice");
      else {
        this.#words[this.count] = word;
        this.#names[this.count++] = nameAt;
      }
    }
  }

  /** Writes two words for each at `to`; the text will begin at `textAt` of the row. Gives the word behind. */
  write(words: Int32Array, to: number, textAt: number): number {
    let at = to;
    for (let i = 0; i < this.count; i++) {
      words[at++] = this.#words[i]!;
      words[at++] = textAt + this.#names[i]!;
    }
    return at;
  }

  #has(word: number, nameAt: number, bytes: Uint8Array): boolean {
    for (let i = 0; i < this.count; i++) {
      if (this.#words[i] === word && sameLabel(bytes, this.#names[i]!, nameAt)) return true;
    }
    return false;
  }
}

/** -1 for what is no port. */
function portWord(port: unknown, protocol: unknown): number {
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535) return -1;
  if (protocol === undefined || protocol === null || protocol === "") return port;
  if (protocol !== "TCP" && protocol !== "UDP" && protocol !== "SCTP") return -1;
  return port | (Protocol[protocol] << 16);
}

function sameLabel(bytes: Uint8Array, a: number, b: number): boolean {
  for (let i = 0, length = bytes[a]!; i <= length; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}
