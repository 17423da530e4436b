/** A ServiceEntry reduced to what answers are made of. Somebody else wrote it, so whatever has a wrong form is left out. */
import { isMapped, parseIpv4, parseIpv6 } from "../../dns/address.ts";
import { lowerCaseWire, nameToWire } from "../../dns/name-text.ts";
import { hashOf } from "../../kubernetes/api/objects.ts";
import type { KubernetesObject } from "../../kubernetes/api/resource.ts";
import { type Fields, fieldsOf, itemsOf, textOf } from "../../kubernetes/fields.ts";

export interface Entry {
  readonly namespace: string;
  readonly name: string;
  /** As `versionHash` gave it. */
  readonly version: number;
  readonly createdMs: number;
  readonly hosts: readonly EntryHost[];
  /** The only namespaces that may see it; undefined: all. */
  readonly exports: readonly string[] | undefined;
}

interface EntryHost {
  /** In lower-case wire form; the first label of a wildcard is `*`. */
  readonly wire: Uint8Array;
  /** The same object for all hosts that have the same addresses. */
  readonly answer: Answer;
}

/** Addresses of four and of sixteen bytes, and names in wire form whose addresses have to be asked for. */
export interface Answer {
  readonly ipv4: readonly Uint8Array[];
  readonly ipv6: readonly Uint8Array[];
  readonly targets: readonly Uint8Array[];
}

export interface EntryOptions {
  /** Whether endpoints stand in for addresses. */
  readonly endpoints: boolean;
  readonly defaultAddresses: readonly string[];
}

/** Called for each part that is left out. */
export type Refuse = (reason: string) => void;

/** As many as Istio's definition of the resource allows; more would only cost memory. */
const MAX_HOSTS = 256;
const MAX_ADDRESSES = 256;
const MAX_ENDPOINTS = 4_096;
const MAX_EXPORTS = 256;
/** Each is a question of its own, for every query. */
const MAX_TARGETS = 8;

const HOST = /^(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?$/i;

export function readEntry(object: KubernetesObject, options: EntryOptions, refuse: Refuse): Entry {
  const { namespace, name, creationTimestamp } = object.metadata;
  const spec = fieldsOf(object.spec);
  return {
    namespace,
    name,
    version: hashOf(object),
    createdMs: Date.parse(textOf(creationTimestamp)) || 0,
    hosts: readHosts(spec, fieldsOf(object.status), options, refuse),
    exports: readExports(spec.exportTo, namespace, refuse),
  };
}

function readHosts(spec: Fields, status: Fields, options: EntryOptions, refuse: Refuse): EntryHost[] {
  const own = addressesOf(some(spec.addresses, MAX_ADDRESSES, "addresses", refuse), refuse);
  const assigned = some(status.addresses, MAX_HOSTS + MAX_ADDRESSES, "assigned addresses", refuse).map(fieldsOf);
  let substitute: Answer | undefined;
  const hosts: EntryHost[] = [];
  for (const item of some(spec.hosts, MAX_HOSTS, "hosts", refuse)) {
    const wire = hostOf(textOf(item));
    if (wire === undefined) {
      refuse(`no name of a host: ${quoted(textOf(item))}`);
      continue;
    }
    let answer = own;
    if (isEmpty(answer)) {
      // Istio names the host that an address is for; where it does not, it is for all.
      const mine = assigned.filter(({ host }) => textOf(host) === "" || textOf(host) === item);
      const values = mine.map(({ value }) => value);
      answer = values.length === 0 ? own : addressesOf(values, refuse);
    }
    if (isEmpty(answer)) {
      substitute ??= substituteOf(spec, options, refuse);
      answer = substitute;
    }
    if (!isEmpty(answer)) hosts.push({ wire, answer });
  }
  return hosts;
}

/** For a line of a log: short, and without line breaks of its own. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, MAX_QUOTED));
}
const MAX_QUOTED = 64;

/**
 * What an entry without addresses answers. With the resolution NONE, also that of an entry that does not say, the mesh sends a
 * connection to where the client wanted it to go: no substitute would get there.
 */
function substituteOf(spec: Fields, options: EntryOptions, refuse: Refuse): Answer {
  const resolution = textOf(spec.resolution);
  if (resolution === "" || resolution === "NONE") return NOTHING;
  if (options.endpoints) {
    const endpoints = some(spec.endpoints, MAX_ENDPOINTS, "endpoints", refuse).map((item) => fieldsOf(item).address);
    const answer = addressesOf(endpoints, refuse, resolution.startsWith("DNS"));
    if (!isEmpty(answer)) return answer;
  }
  return addressesOf(options.defaultAddresses, refuse);
}

/** The first `most` items of a list. */
function some(value: unknown, most: number, what: string, refuse: Refuse): readonly unknown[] {
  const items = itemsOf(value);
  if (items.length <= most) return items;
  refuse(`more than ${most} ${what}`);
  return items.slice(0, most);
}

const NOTHING: Answer = { ipv4: [], ipv6: [], targets: [] };

function isEmpty({ ipv4, ipv6, targets }: Answer): boolean {
  return ipv4.length + ipv6.length + targets.length === 0;
}

/** Networks and paths of sockets are no mistakes, but no addresses either. */
function addressesOf(items: readonly unknown[], refuse: Refuse, withNames = false): Answer {
  const ipv4: Uint8Array[] = [];
  const ipv6: Uint8Array[] = [];
  const targets: Uint8Array[] = [];
  for (const item of items) {
    const text = textOf(item);
    const address = addressOf(text);
    if (address !== undefined) {
      // The unspecified address is Istio's word for none.
      if (address.some((byte) => byte !== 0)) (address.length === 4 ? ipv4 : ipv6).push(address);
      continue;
    }
    // Endpoints of the mesh that are found by labels have no address.
    if (text.includes("/") || item === undefined) continue;
    const target = withNames ? targetOf(text) : undefined;
    if (target === undefined) refuse(`no address: ${quoted(text)}`);
    else if (targets.length < MAX_TARGETS) targets.push(target);
    else refuse(`more than ${MAX_TARGETS} endpoints that are names`);
  }
  return { ipv4, ipv6, targets };
}

function addressOf(text: string): Uint8Array | undefined {
  const ipv4 = new Uint8Array(4);
  if (parseIpv4(text, ipv4, 0)) return ipv4;
  const ipv6 = new Uint8Array(16);
  if (!parseIpv6(text, ipv6, 0)) return undefined;
  return isMapped(ipv6, 0) ? ipv6.slice(12) : ipv6;
}

/** A name that could be an address is a misspelt one. */
function targetOf(text: string): Uint8Array | undefined {
  return text.startsWith("*") || /(^|\.)\d+\.?$/.test(text) ? undefined : hostOf(text);
}

function hostOf(text: string): Uint8Array | undefined {
  if (!HOST.test(text)) return undefined;
  const wire = nameToWire(text);
  return typeof wire === "string" ? undefined : lowerCaseWire(wire);
}

/** `.` is the entry's own namespace, `*` all, `~` none. An entry that says nothing is for all. */
function readExports(value: unknown, own: string, refuse: Refuse): readonly string[] | undefined {
  const words = some(value, MAX_EXPORTS, "namespaces in exportTo", refuse).map(textOf);
  if (words.length === 0 || words.includes("*")) return undefined;
  const namespaces = words.map((word) => (word === "." ? own : word)).filter((word) => word !== "" && word !== "~");
  return [...new Set(namespaces)];
}
