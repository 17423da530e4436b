/** The row of a Service, made from the API's object. The slices are added by `ServiceSpace`. */
import { parseIpv4, parseIpv6 } from "../../dns/address.ts";
import { encodeName, ROOT } from "../../dns/name-text.ts";
import { type Fields, fieldsOf, itemsOf, textOf } from "../fields.ts";
import { ServiceField, ServiceFlag, ServiceKind } from "./layout.ts";
import { MAX_PORTS, PortDraft } from "./port-draft.ts";
import { RowText } from "./row-text.ts";
import { isNewAddress } from "./row-words.ts";

/** More than any Service has: each of the counts is a byte. */
const MAX_ADDRESSES = 255;
/** Keeps the row's first part far below the 65,535 words that can be said. */
const TEXT_ROOM = 128 * 1024;
const MAX_NAME = 255;

export class ServiceDraft {
  /** The row from its second word on; the first is left free for its mark. */
  readonly words: Int32Array = new Int32Array(
    ServiceField.BODY + 10 * MAX_ADDRESSES + 2 * MAX_PORTS + TEXT_ROOM / 4 + 1,
  );
  /** Words up to where the slices begin. */
  length = 0;

  readonly #text = new RowText(TEXT_ROOM);
  readonly #bytes = new Uint8Array(this.words.buffer);
  readonly #ports = new PortDraft();
  readonly #cluster = new AddressList();
  readonly #external = new AddressList();
  #keyLength = 0;
  #flags = 0;
  #targetLength = 0;
  #externalNames = 0;

  /** A Service of which nothing is known but that it has slices. `key` is its two labels. */
  empty(key: RowText): void {
    this.#begin(key);
    this.#flags = ServiceKind.NO_ADDRESS;
    this.#assemble();
  }

  service(key: RowText, object: Fields, refuse: (reason: string) => void): void {
    this.#begin(key);
    const spec = fieldsOf(object.spec);
    const addresses = itemsOf(spec.clusterIPs);
    const clusterIps = addresses.length > 0 ? addresses : [spec.clusterIP];
    const isExternal = spec.type === "ExternalName";
    const isHeadless = !isExternal && clusterIps[0] === "None";
    if (!isExternal && !isHeadless) this.#cluster.addAll(clusterIps, refuse);
    if (isExternal) this.#readTarget(textOf(spec.externalName), refuse);
    this.#readExternal(spec, fieldsOf(object.status), refuse);
    this.#ports.read(spec.ports, this.#text, refuse);
    const hasAddress = this.#cluster.ipv4Count + this.#cluster.ipv6Count > 0;
    this.#flags =
      ServiceFlag.OBJECT |
      (Object.keys(fieldsOf(spec.selector)).length > 0 ? ServiceFlag.SELECTOR : 0) |
      (isExternal
        ? ServiceKind.EXTERNAL_NAME
        : isHeadless
          ? ServiceKind.HEADLESS
          : hasAddress
            ? ServiceKind.CLUSTER_IP
            : ServiceKind.NO_ADDRESS);
    this.#assemble();
  }

  /** A ServiceImport (multicluster.x-k8s.io): `spec.ips` are its ClusterIPs. */
  serviceImport(key: RowText, object: Fields, refuse: (reason: string) => void): void {
    this.#begin(key);
    const spec = fieldsOf(object.spec);
    const isHeadless = spec.type === "Headless";
    if (!isHeadless) this.#cluster.addAll(itemsOf(spec.ips), refuse);
    this.#ports.read(spec.ports, this.#text, refuse);
    const hasAddress = this.#cluster.ipv4Count + this.#cluster.ipv6Count > 0;
    this.#flags =
      ServiceFlag.OBJECT |
      (isHeadless ? ServiceKind.HEADLESS : hasAddress ? ServiceKind.CLUSTER_IP : ServiceKind.NO_ADDRESS);
    this.#assemble();
  }

  #begin(key: RowText): void {
    this.#text.clear();
    this.#text.raw(key.bytes, 1, key.length - 1);
    this.#keyLength = key.length - 1;
    this.#targetLength = 0;
    this.#externalNames = 0;
    this.#cluster.clear();
    this.#external.clear();
    this.#ports.count = 0;
  }

  #readTarget(name: string, refuse: (reason: string) => void): void {
    if (parseIpv4(name, scratch, 0) || parseIpv6(name, scratch, 0)) return;
    this.#targetLength = this.#appendName(name);
    if (this.#targetLength === 0) refuse("an externalName that is no name");
  }

  #readExternal(spec: Fields, status: Fields, refuse: (reason: string) => void): void {
    this.#external.addAll(itemsOf(spec.externalIPs), refuse);
    for (const item of itemsOf(fieldsOf(status.loadBalancer).ingress)) {
      const { ip, hostname } = fieldsOf(item);
      if (textOf(ip) !== "") this.#external.add(ip, refuse);
      else if (textOf(hostname) !== "") {
        if (this.#externalNames === MAX_ADDRESSES || this.#appendName(textOf(hostname)) === 0) {
          refuse("a load balancer's hostname that is no name");
        } else this.#externalNames++;
      }
    }
  }

  /** Gives its length in wire form, letters as written, or 0. */
  #appendName(text: string): number {
    if (text === "" || text === "." || text === "@" || !this.#text.has(MAX_NAME)) return 0;
    const end = encodeName(text, ROOT, scratch, 0);
    if (end < 0) return 0;
    this.#text.raw(scratch, 0, end);
    return end;
  }

  #assemble(): void {
    const { words } = this;
    const cluster = this.#cluster;
    const external = this.#external;
    const text = this.#text;
    words[ServiceField.ADDRESSES] =
      cluster.ipv4Count | (cluster.ipv6Count << 8) | (external.ipv4Count << 16) | (external.ipv6Count << 24);
    let at = external.write(this.#bytes, cluster.write(this.#bytes, ServiceField.BODY * 4)) >> 2;
    // The text's first byte, the empty label of ports without a name, stands in front of the key.
    const textAt = (at + 2 * this.#ports.count) * 4;
    at = this.#ports.write(words, at, textAt);
    at += (text.length + 3) >> 2;
    words[at - 1] = 0;
    for (let i = 0; i < text.length; i++) this.#bytes[textAt + i] = text.bytes[i]!;
    this.length = at;
    words[ServiceField.FLAGS] = this.#flags | (this.#keyLength << 8) | (this.#ports.count << 16);
    words[ServiceField.SIZES] = this.#externalNames | (this.#targetLength << 8) | (at << 16);
  }
}

/** Addresses of both families, none twice. */
class AddressList {
  ipv4Count = 0;
  ipv6Count = 0;
  readonly #ipv4 = new Uint8Array(4 * MAX_ADDRESSES);
  readonly #ipv6 = new Uint8Array(16 * MAX_ADDRESSES);

  clear(): void {
    this.ipv4Count = 0;
    this.ipv6Count = 0;
  }

  addAll(items: readonly unknown[], refuse: (reason: string) => void): void {
    for (const item of items) if (item !== undefined && item !== "") this.add(item, refuse);
  }

  add(item: unknown, refuse: (reason: string) => void): void {
    const text = textOf(item);
    if (this.ipv4Count === MAX_ADDRESSES || this.ipv6Count === MAX_ADDRESSES) refuse("too many addresses");
    else if (parseIpv4(text, this.#ipv4, 4 * this.ipv4Count)) {
      if (isNewAddress(this.#ipv4, this.ipv4Count, 4)) this.ipv4Count++;
    } else if (parseIpv6(text, this.#ipv6, 16 * this.ipv6Count)) {
      if (isNewAddress(this.#ipv6, this.ipv6Count, 16)) this.ipv6Count++;
    } else refuse("an address that is none");
  }

  /** Gives the offset behind. */
  write(out: Uint8Array, to: number): number {
    let at = to;
    for (let i = 0; i < 4 * this.ipv4Count; i++) out[at++] = this.#ipv4[i]!;
    for (let i = 0; i < 16 * this.ipv6Count; i++) out[at++] = this.#ipv6[i]!;
    return at;
  }
}

const scratch = new Uint8Array(MAX_NAME + 1);
