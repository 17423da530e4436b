/** The ports of a Service or of a slice while their row is made. */
import { fieldsOf, itemsOf, textOf } from "../fields.ts";
import { Protocol } from "./layout.ts";
import type { RowText } from "./row-text.ts";

/** Media servers have one for each call: two words each leave a Service's row its room. */
export const MAX_PORTS = 10_000;

export class PortDraft {
  count = 0;
  readonly #words = new Int32Array(MAX_PORTS);
  /** Offsets of the names in the text; 0 is the empty label. */
  readonly #names = new Int32Array(MAX_PORTS);

  /** Takes `ports` of the API. `refuse` hears of each that is none. */
  read(ports: unknown, text: RowText, refuse: (reason: string) => void): void {
    this.count = 0;
    const known = new Set<string>();
    for (const item of itemsOf(ports)) {
      const { name, port, protocol } = fieldsOf(item);
      const word = portWord(port, protocol);
      if (word < 0 || this.count === MAX_PORTS) {
        refuse(word < 0 ? "a port that is none" : "too many ports");
        continue;
      }
      const label = textOf(name).toLowerCase();
      const nameAt = label === "" ? 0 : text.label(label);
      const key = `${word} ${label}`;
      if (nameAt === 0 && label !== "") refuse("a port's name that is no label");
      else if (known.has(key)) refuse("a port that is there twice");
      else {
        known.add(key);
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
}

/** -1 for what is no port. */
function portWord(port: unknown, protocol: unknown): number {
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535) return -1;
  if (protocol === undefined || protocol === null || protocol === "") return port;
  if (protocol !== "TCP" && protocol !== "UDP" && protocol !== "SCTP") return -1;
  return port | (Protocol[protocol] << 16);
}
