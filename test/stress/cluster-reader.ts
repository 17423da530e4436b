/** One thread of the hammer: looks into the record table, and counts what cannot be. */
import { parentPort, workerData } from "node:worker_threads";
import { Name } from "../../src/dns/name.ts";
import { nameToWire } from "../../src/dns/name-text.ts";
import { ClusterView } from "../../src/kubernetes/table/cluster-view.ts";
import type { ClusterMemory } from "../../src/kubernetes/table/layout.ts";
import { ServicesAhead } from "../../src/kubernetes/table/services-ahead.ts";
import { addressBytes, labels } from "../kubernetes/table/support.ts";

export interface Task {
  readonly memory: ClusterMemory;
  readonly worker: number;
  /** Services `moving0.hammer` and so on. */
  readonly services: number;
  /** How many look-ups; 0: until it is ended, which it then is within a section as well. */
  readonly count: number;
}

export interface Result {
  readonly reads: number;
  /** Different states of the Services that were seen. */
  readonly states: number;
  /** By what was wrong. */
  readonly bad: Readonly<Record<string, number>>;
}

const { memory, worker, services, count } = workerData as Task;
const view = new ClusterView(memory, worker);
const ahead = new ServicesAhead(memory, 16, "names");
const names = Array.from({ length: services }, (_, i) => nameOf(`moving${i}.hammer.`));
/** Of Services that come and go; what has their ids meanwhile is another one. */
const CROWD_SEEN = 50;
const crowd = Array.from({ length: CROWD_SEEN }, (_, i) => nameOf(`crowd${i}.crowd.`));
const lastFirst = new Int32Array(services);
const stable = labels("stable.hammer");
const never = labels("never.hammer");
const walker = addressBytes("10.99.0.1");
const walkerPod = addressBytes("10.99.0.2");
const namespace = labels("hammer");
const bad: Record<string, number> = {};
let states = 0;
let state = worker * 7_919 + 1;

function nameOf(text: string): Name {
  const name = new Name();
  name.set(nameToWire(text) as Uint8Array);
  return name;
}

/** Looks ahead for some of the names, as a worker does outside of any section: what it leaves with the others gets old. */
function lookAhead(all: readonly Name[]): void {
  for (let i = 0; i < 4; i++) {
    const name = all[random(all.length)]!;
    ahead.add(name, name.bytes, 0, name.length - 1);
  }
  ahead.fetch();
}

function random(below: number): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return (state >>> 8) % below;
}

function expect(what: string, isTrue: boolean): void {
  if (!isTrue) bad[what] = (bad[what] ?? 0) + 1;
}

/** 2001:db8:SERVICE:HIGH:LOW:SLICE:COUNT:I, of the version HIGH:LOW. */
function word(at: number, group: number): number {
  return (view.bytes[at + 2 * group]! << 8) | view.bytes[at + 2 * group + 1]!;
}

/** The version that all endpoints of the slice bear; -1 when they do not. */
function versionOf(service: number, slice: number): number {
  view.openSlice(slice);
  const { addressesAt, count: endpoints, addressSize } = view.slice;
  if (addressSize !== 16 || endpoints === 0) return -1;
  const version = word(addressesAt, 3) * 65_536 + word(addressesAt, 4);
  for (let i = 0; i < endpoints; i++) {
    const at = addressesAt + 16 * i;
    const own = word(at, 3) * 65_536 + word(at, 4);
    if (own !== version || word(at, 2) !== service || word(at, 5) !== slice) return -1;
    if (word(at, 6) !== endpoints || word(at, 7) !== i + 1) return -1;
    const host = view.slice.hostAt(i);
    if (host === 0 || view.bytes[host + 1] !== 0x68 || view.bytes[host + 2] !== 0x30 + (version % 10)) return -1;
  }
  return version;
}

function readMoving(service: number): void {
  const name = names[service]!;
  if (!view.findService(name.bytes, 0, name.length - 1, name.hint)) {
    expect("a Service that is there is found", false);
    return;
  }
  expect("two slices", view.service.sliceCount === 2);
  const first = versionOf(service, 0);
  const firstCount = view.slice.count;
  // At times the thread sleeps where it stands: what it reads must stay as it is.
  if (random(5_000) === 0) pause(random(300));
  const second = versionOf(service, 1);
  expect("slices are whole", first >= 0 && second >= 0);
  expect("the state is one that was", first === second || first === second + 1);
  expect("endpoints are counted", view.service.endpointCount === firstCount + view.slice.count);
  expect("no step back", ((first - lastFirst[service]!) | 0) >= 0);
  expect("it stays as it is", versionOf(service, 0) === first);
  if (first !== lastFirst[service]) states++;
  lastFirst[service] = first;
}

/** Where one of the crowd is said to be may be another one of it by now, or nothing. */
function readCrowd(i: number): void {
  const { bytes, length, hint } = crowd[i]!;
  const isAddress = (at: number): boolean =>
    view.bytes[at] === 10 && view.bytes[at + 1] === 0 && view.bytes[at + 2] === i && view.bytes[at + 3] === 1;
  if (view.findService(bytes, 0, length - 1, hint)) {
    expect("who is found by name has its address", view.service.ipv4Count === 1 && isAddress(view.service.ipv4At));
  }
  if (view.findServiceByAddress(Uint8Array.of(10, 0, i, 1), 4, hint)) {
    const { keyAt, keyLength } = view.service;
    const key = Buffer.from(view.bytes.subarray(keyAt, keyAt + keyLength));
    expect("who is found by address has its name", key.compare(bytes, 0, length - 1) === 0);
  }
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
function pause(microseconds: number): void {
  if (microseconds > 250) Atomics.wait(sleeper, 0, 0, 1);
  const until = performance.now() + microseconds / 1_000;
  while (performance.now() < until);
}

function read(): void {
  if (random(4) === 0) lookAhead(random(2) === 0 ? crowd : names);
  view.enter();
  switch (random(9)) {
    case 0:
      expect("what stays is found", view.findService(stable, 0, stable.length) && view.service.ipv4Count === 1);
      break;
    case 1:
      expect("what never was is not found", !view.findService(never, 0, never.length));
      break;
    case 2:
      view.seekEndpoint(walker, 4);
      expect("an address that moves between slices is found", view.nextEndpoint());
      break;
    case 3:
      expect("a pod's address that moves is found", view.hasPod(walkerPod, 4, namespace, 0));
      break;
    case 4:
      expect("the namespace is there", view.hasNamespace(namespace, 0));
      break;
    case 5:
      readCrowd(random(CROWD_SEEN));
      break;
    default:
      readMoving(random(services));
  }
  view.leave();
}

let reads = 0;
// One that goes on until it is ended says that it has begun.
if (count === 0) parentPort!.postMessage({ reads, states, bad } satisfies Result);
do {
  read();
  reads++;
} while (count === 0 || reads < count);
parentPort!.postMessage({ reads, states, bad } satisfies Result);
