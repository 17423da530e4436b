/**
 * The row of an EndpointSlice, made from the API's object: its ready endpoints, each with its address and the name of
 * its host.
 */
import { parseIpv4, parseIpv6 } from "../../dns/address.ts";
import type { KeyedHash } from "../../memory/keyed-hash.ts";
import { type Fields, fieldsOf, itemsOf, textOf } from "../fields.ts";
import { AddressSet } from "./address-set.ts";
import { Salt, SliceField, SliceFlag } from "./layout.ts";
import { MAX_PORTS, PortDraft } from "./port-draft.ts";
import { RowText } from "./row-text.ts";
import { MAX_DASHED, writeDashed } from "./write-dashed.ts";

/** The API takes at most 1,000 endpoints a slice; some have several addresses. */
const MAX_ENDPOINTS = 4_096;
const TEXT_ROOM = 512 * 1024;
/** Zones of a slice, of which each is kept once. */
const MAX_ZONES = 256;

export interface SliceWishes {
  readonly podNames: boolean;
  readonly zones: boolean;
}

export class SliceDraft {
  /** The row; the first word is left free for its mark. */
  readonly words: Int32Array = new Int32Array(SliceField.BODY + 7 * MAX_ENDPOINTS + 2 * MAX_PORTS + TEXT_ROOM / 4 + 1);
  length = 0;
  count = 0;
  /** Bytes of an address. */
  size = 4;

  readonly #bytes = new Uint8Array(this.words.buffer);
  readonly #addresses = new Int32Array(4 * MAX_ENDPOINTS);
  readonly #addressBytes = new Uint8Array(this.#addresses.buffer);
  readonly #hashes = new Int32Array(MAX_ENDPOINTS);
  readonly #places = new Int32Array(MAX_ENDPOINTS);
  readonly #zones = new Int32Array(MAX_ENDPOINTS);
  readonly #zoneNames = new Map<string, number>();
  readonly #text = new RowText(TEXT_ROOM);
  readonly #ports = new PortDraft();
  readonly #seen = new AddressSet();
  readonly #hash: KeyedHash;
  readonly #wishes: SliceWishes;
  #hasPlaces = false;
  #repeats = false;

  constructor(hash: KeyedHash, wishes: SliceWishes) {
    this.#hash = hash;
    this.#wishes = wishes;
  }

  /** Whether `object` is a slice at all: false when it has addresses that DNS does not know, or its name is none. */
  read(object: Fields, name: string, cluster: string, refuse: (reason: string) => void): boolean {
    this.#text.clear();
    const family = object.addressType;
    if (family !== "IPv4" && family !== "IPv6") return false;
    this.size = family === "IPv4" ? 4 : 16;
    this.count = 0;
    this.#hasPlaces = false;
    this.#repeats = false;
    this.#zoneNames.clear();
    this.#seen.clear(this.size);
    for (const endpoint of itemsOf(object.endpoints)) this.#readEndpoint(fieldsOf(endpoint), refuse);
    this.#ports.read(itemsOf(object.ports).filter(hasNumber), this.#text, refuse);
    // They stand last: where they end, the row ends.
    const nameAt = this.#text.objectName(name);
    const nameLength = this.#text.length - nameAt;
    if (nameAt === 0 || (cluster !== "" && this.#text.label(cluster) === 0)) return false;
    this.#assemble(nameAt, nameLength, cluster === "" ? 0 : cluster.length + 1);
    return true;
  }

  /** Says whose the slice is. */
  setOwner(service: number, namespace: number): void {
    this.words[SliceField.SERVICE] = service;
    this.words[SliceField.NAMESPACE] = (this.words[SliceField.NAMESPACE]! & ~0xffffff) | namespace;
  }

  #readEndpoint(endpoint: Fields, refuse: (reason: string) => void): void {
    // What the API does not say is ready.
    if (fieldsOf(endpoint.conditions).ready === false) return;
    const text = this.#text;
    let host = 0;
    if (textOf(endpoint.hostname) !== "") {
      host = text.label(textOf(endpoint.hostname));
      if (host === 0) refuse("a hostname that is no label");
    } else if (this.#wishes.podNames) {
      // A pod whose name is no label is named by its address, as CoreDNS does with long ones.
      host = text.label(textOf(fieldsOf(endpoint.targetRef).name));
    }
    const zone = this.#wishes.zones ? this.#zoneOf(textOf(endpoint.zone)) : 0;
    for (const address of itemsOf(endpoint.addresses)) this.#readAddress(textOf(address), host, zone, refuse);
  }

  #readAddress(address: string, host: number, zone: number, refuse: (reason: string) => void): void {
    const { count, size } = this;
    const bytes = this.#addressBytes;
    const at = count * size;
    if (count === MAX_ENDPOINTS) {
      refuse("too many endpoints");
      return;
    }
    const isAddress = size === 4 ? parseIpv4(address, bytes, at) : parseIpv6(address, bytes, at);
    if (!isAddress) {
      refuse("an address that is none");
      return;
    }
    let place = host;
    let label = this.#text.bytes;
    let labelAt = place;
    if (place === 0) {
      writeDashed(bytes, at, size, dashed, 0);
      label = dashed;
      labelAt = 0;
      // CoreDNS puts dashes into the text as it stands: one that is not the usual one is kept.
      if (size === 16 && !isDashed(address)) {
        place = this.#text.label(dashedText(address));
        if (place !== 0) {
          label = this.#text.bytes;
          labelAt = place;
        }
      }
    }
    const hash = this.#hash.bytes(label, labelAt, label[labelAt]! + 1, Salt.HOST);
    const first = this.#seen.add(this.#addresses, at >> 2) / (size >> 2);
    if (first !== count) {
      // The same endpoint once more: nothing is missing without it.
      if (this.#hashes[first] === hash) return;
      this.#repeats = true;
    }
    if (place !== 0) this.#hasPlaces = true;
    this.#hashes[count] = hash;
    this.#places[count] = place;
    this.#zones[count] = zone;
    this.count++;
  }

  #zoneOf(zone: string): number {
    if (zone === "") return 0;
    let at = this.#zoneNames.get(zone);
    if (at === undefined) {
      at = this.#zoneNames.size < MAX_ZONES ? this.#text.short(zone) : 0;
      this.#zoneNames.set(zone, at);
    }
    return at;
  }

  #assemble(nameAt: number, nameLength: number, clusterLength: number): void {
    const { words, count, size } = this;
    const hasZones = this.#zoneNames.size > 0;
    const text = this.#text;
    const perEndpoint = (size >> 2) + 1 + (this.#hasPlaces ? 1 : 0) + (hasZones ? 1 : 0);
    const textAt = (SliceField.BODY + perEndpoint * count + 2 * this.#ports.count) * 4;
    words[SliceField.NAMESPACE] =
      (size === 16 ? SliceFlag.IPV6 : 0) |
      (this.#hasPlaces ? SliceFlag.PLACES : 0) |
      (hasZones ? SliceFlag.ZONES : 0) |
      (this.#repeats ? SliceFlag.REPEATS : 0);
    words[SliceField.COUNTS] = count | (this.#ports.count << 16);
    words[SliceField.NAME_AT] = textAt + nameAt;
    words[SliceField.NAME_LENGTHS] = nameLength | (clusterLength << 8);
    let at: number = SliceField.BODY;
    for (let i = 0; i < count * (size >> 2); i++) words[at++] = this.#addresses[i]!;
    for (let i = 0; i < count; i++) words[at++] = this.#hashes[i]!;
    if (this.#hasPlaces) {
      for (let i = 0; i < count; i++) words[at++] = this.#places[i] === 0 ? 0 : textAt + this.#places[i]!;
    }
    if (hasZones) for (let i = 0; i < count; i++) words[at++] = this.#zones[i] === 0 ? 0 : textAt + this.#zones[i]!;
    at = this.#ports.write(words, at, textAt);
    at += (text.length + 3) >> 2;
    words[at - 1] = 0;
    for (let i = 0; i < text.length; i++) this.#bytes[textAt + i] = text.bytes[i]!;
    this.length = at;
  }
}

const dashed = new Uint8Array(MAX_DASHED + 1);

/** A port without a number stands for all of them, and has no record. */
function hasNumber(port: unknown): boolean {
  const { port: number } = fieldsOf(port);
  return number !== undefined && number !== null;
}

/** Whether what stands in `dashed` is `address` with dashes. */
function isDashed(address: string): boolean {
  const label = dashedText(address);
  if (label.length !== dashed[0]) return false;
  for (let i = 0; i < label.length; i++) if (label.charCodeAt(i) !== dashed[i + 1]) return false;
  return true;
}

function dashedText(address: string): string {
  const label = address.toLowerCase().replaceAll(/[.:]/g, "-");
  return label.endsWith("-") ? `${label}0` : label;
}
