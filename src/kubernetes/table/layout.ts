/** Words that the writer (`ClusterTable`) and the readers (`ClusterView`) of the cluster's record table share. */

/** What a thread is given to read the table, once: it is the same memory for as long as the table lives. */
export interface ClusterMemory {
  readonly header: SharedArrayBuffer;
  /** Grows in place. */
  readonly heap: SharedArrayBuffer;
}

/** The lists that fill the table. */
export const Resource = {
  SERVICES: 0,
  ENDPOINT_SLICES: 1,
  NAMESPACES: 2,
  PODS: 3,
  SERVICE_IMPORTS: 4,
  IMPORT_SLICES: 5,
} as const;
export type Resource = (typeof Resource)[keyof typeof Resource];

/** STARTING: no list was ever complete. UNWATCHED: nobody asks for it, what the table does not hold is not there. */
export const SyncState = { STARTING: 0, SYNCED: 1, DOUBTFUL: 2, UNWATCHED: 3 } as const;
export type SyncState = (typeof SyncState)[keyof typeof SyncState];

/** NO_ADDRESS: neither headless nor external, but has no address (yet). */
export const ServiceKind = { CLUSTER_IP: 0, HEADLESS: 1, EXTERNAL_NAME: 2, NO_ADDRESS: 3 } as const;
export type ServiceKind = (typeof ServiceKind)[keyof typeof ServiceKind];

export const Protocol = { TCP: 0, UDP: 1, SCTP: 2 } as const;
export type Protocol = (typeof Protocol)[keyof typeof Protocol];
