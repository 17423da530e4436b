/** One thread of the hammer: looks into the record table, and counts what cannot be. */
import { parentPort, workerData } from "node:worker_threads";
import { ClusterView } from "../../src/kubernetes/table/cluster-view.ts";
import type { ClusterMemory } from "../../src/kubernetes/table/layout.ts";
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
const keys = Array.from({ length: services }, (_, i) => labels(`moving${i}.hammer`));
const lastFirst = new Int32Array(services);
const stable = labels("stable.hammer");
const never = labels("never.hammer");
const walker = addressBytes("10.99.0.1");
const walkerPod = addressBytes("10.99.0.2");
const namespace = labels("hammer");
const bad: Record<string, number> = {};
let states = 0;
let state = worker * 7_919 + 1;

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
  const key = keys[service]!;
  if (!view.findService(key, 0, key.length)) {
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

const sleeper = new Int32Array(new SharedArrayBuffer(4));
function pause(microseconds: number): void {
  if (microseconds > 250) Atomics.wait(sleeper, 0, 0, 1);
  const until = performance.now() + microseconds / 1_000;
  while (performance.now() < until);
}

function read(): void {
  view.enter();
  switch (random(8)) {
    case 0:
      expect("what stays is found", view.findService(stable, 0, stable.length) && view.service.ipv4Count === 1);
      break;
    case 1:
      expect("what never was is not found", !view.findService(never, 0, never.length));
      break;
    case 2:
      view.seekEndpoint(walker, 0, 4);
      expect("an address that moves between slices is found", view.nextEndpoint());
      break;
    case 3:
      expect("a pod's address that moves is found", view.hasPod(walkerPod, 0, 4, namespace, 0, namespace.length));
      break;
    case 4:
      expect("the namespace is there", view.hasNamespace(namespace, 0, namespace.length));
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
