/**
 * Which cluster does a server block show? The plugin that follows it says so, and the one other plugin of the block that
 * answers from it, k8s_external, hears of it. The block is known by an object that all of its plugins are given, so what is
 * said is forgotten with the block.
 */
import type { ShownOptions } from "./answer/shown-namespaces.ts";
import { type ClusterMemory, SyncState } from "./table/layout.ts";

/** What names get that were not there when the API was heard of last. */
export const DOUBT_MODES = ["servfail", "nxdomain"] as const;
export type DoubtMode = (typeof DOUBT_MODES)[number];

export interface OfferedCluster extends ShownOptions {
  readonly memory: ClusterMemory;
  /** Addresses at which this server can be reached, 4 or 16 bytes each. */
  readonly addresses: readonly Uint8Array[];
  readonly doubt: DoubtMode;
}

/** Whether clients may be told that what is not in the table is not in the cluster. */
export function isSure(state: SyncState, doubt: DoubtMode): boolean {
  return state === SyncState.DOUBTFUL ? doubt === "nxdomain" : state !== SyncState.STARTING;
}

interface Meeting {
  offered: OfferedCluster | undefined;
  receive: ((cluster: OfferedCluster) => void) | undefined;
}

const meetings = new WeakMap<object, Meeting>();

export function offerCluster(block: object, cluster: OfferedCluster): void {
  const meeting = meetingOf(block);
  meeting.offered = cluster;
  meeting.receive?.(cluster);
}

/** `receive` is called once, now or when the cluster is offered. One receiver a block: another would take its place. */
export function hearOfCluster(block: object, receive: (cluster: OfferedCluster) => void): void {
  const meeting = meetingOf(block);
  meeting.receive = receive;
  if (meeting.offered) receive(meeting.offered);
}

function meetingOf(block: object): Meeting {
  const known = meetings.get(block);
  if (known) return known;
  const meeting: Meeting = { offered: undefined, receive: undefined };
  meetings.set(block, meeting);
  return meeting;
}
