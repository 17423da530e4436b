/**
 * What does the cluster know by this name, or by this address? Rows in shared memory: one for each Service,
 * EndpointSlice, Namespace, pod and ServiceImport, made from the API's objects as they stream in. One thread writes
 * (`ClusterTable`), any number reads (`ClusterView`). How both keep out of each other's way is said where it is done:
 * rows live as long as a reader may see them (`memory/read-sections.ts`), indexes and directories change by single
 * stores (`memory/hash-index.ts`, `memory/row-directory.ts`), and memory is given out by `memory/heap.ts`.
 *
 * What follows for an answer: a row is whole or not there, and what belongs together hangs on one row. A Service's row
 * has the places of its slices' rows, so a changed slice is a new slice row, then a new Service row, then one store: a
 * reader has all endpoints of the Service as they were after one event of the API, never some of this event and some of
 * that one. Between the rows that an index leads to there is no such bond: a look-up by address that finds nothing while
 * the table was changed under it is made again (`ClusterView`), since the address may have moved from a slice that it
 * had yet to see to one that it had seen.
 *
 * Words are of 32 bits; offsets "in the row" count bytes from its first one.
 *
 * header
 *   0 SERIAL     Unix time of the last change of an answer, in seconds
 *   1 CHANGES    counts them
 *   2 STATES     a SyncState for each Resource
 *   8 KEYS       of the hash, set once
 *  16 ...        where directories and indexes are in the heap (`Cell`)
 *  64 SECTIONS   a cell for each reader, written by it. All else is the writer's.
 *
 * Service or ServiceImport; also one of which only slices are known
 *   0 mark, 1 flags (ServiceFlag, bits 8-15 length of the key, 16-31 number of ports)
 *   2 numbers of ClusterIPs v4, v6, external addresses v4, v6, 8 bits each
 *   3 bits 0-7 number of external names, 8-15 length of the target, 16-31 the word at which the slices begin
 *   4 number of slices, 5 number of endpoints in them
 *   6 addresses in the order of word 2, ports (two words each), bytes: key, target, external names, port names; slices:
 *     their places
 * EndpointSlice
 *   0 mark, 1 id of its Service, 2 id of its namespace and SliceFlag, 3 numbers of endpoints and ports, 16 bits each
 *   4 offset of its name in the row, the cluster's label behind it (with them the row ends), 5 lengths of these (0-7,
 *     8-15)
 *   6 addresses; the hashes of the host labels; with PLACES the offsets of these labels in the row, 0 for the address
 *     with dashes; with ZONES the offsets of the zones (a byte of length first), 0 for none; ports; bytes
 *   Port: number and protocol (bits 16-17), offset in the row of its name as a label
 * Namespace, also one of which only others speak
 *   0 mark, 1 bit 0 whether the API has it, bits 8-15 length of the label, 2 label
 * Pod
 *   0 mark, 1 id of its namespace, numbers of addresses v4 and v6 (bits 24-27, 28-31), 2 lengths of name and of labels
 *     (0-7, 8-31)
 *   3 addresses, then name and labels as bytes: for each key and value a length in two bytes, and the text
 */

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

export const Header = { SERIAL: 0, CHANGES: 1, STATES: 2, KEYS: 8, SECTIONS: 64 } as const;

/**
 * Words of the header that say where something is in the heap. Services and ServiceImports have the same ones, from a
 * first one on.
 */
export const Cell = {
  SERVICES: 16,
  IMPORTS: 24,
  NAMESPACES: 32,
  NAMESPACE_NAMES: 33,
  PODS: 40,
  POD_ADDRESSES: 41,
} as const;
export const SpaceCell = { SERVICES: 0, NAMES: 1, ADDRESSES: 2, EXTERNALS: 3, SLICES: 4, ENDPOINTS: 5 } as const;
/** Indexes by the API's names are the writer's alone. */
export const WriterCell = { SLICE_NAMES: 6, POD_NAMES: 42 } as const;

export const Kind = { SERVICE: 1, SLICE: 2, IMPORT: 3, IMPORT_SLICE: 4, NAMESPACE: 5, POD: 6 } as const;

/** One hash function for each kind of key. Keys that belong to a namespace by its id add the id above these bits. */
export const Salt = { SERVICE: 1, NAMESPACE: 2, ADDRESS: 3, HOST: 4, SLICE: 5, POD: 6 } as const;
export const SALT_BITS = 3;

export const ServiceField = { FLAGS: 1, ADDRESSES: 2, SIZES: 3, SLICES: 4, ENDPOINTS: 5, BODY: 6 } as const;
/** The lower two bits are the ServiceKind. OBJECT: the API has it, and not only slices of it. */
export const ServiceFlag = { KIND: 3, OBJECT: 4, REPEATS: 8, SELECTOR: 16 } as const;

export const SliceField = { SERVICE: 1, NAMESPACE: 2, COUNTS: 3, NAME_AT: 4, NAME_LENGTHS: 5, BODY: 6 } as const;
/** Beside the namespace's id. REPEATS: an address stands in it twice, with two hosts. */
export const SliceFlag = { IPV6: 1 << 24, PLACES: 1 << 25, ZONES: 1 << 26, REPEATS: 1 << 27 } as const;

export const NamespaceField = { FLAGS: 1, LABEL: 2 } as const;
export const NAMESPACE_EXISTS = 1;

export const PodField = { NAMESPACE: 1, LENGTHS: 2, BODY: 3 } as const;

/** The id in a word that has flags above it. */
export const ID_MASK = 0x3fffff;
