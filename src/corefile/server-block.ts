/** What parsing makes of a Corefile: a list of server blocks, each with its keys and its directives. */

import type { Directive } from "./directive.ts";
import type { Place } from "./mistake.ts";

/** One word of a Corefile, with the place where it stands in the file. */
export interface Token extends Place {
  /** Without its quotes, environment variables put in. */
  readonly text: string;
  /** Differs from `line` only for a quoted word that spans lines. */
  readonly endLine: number;
  /** Stood in quotes, or came out of the environment: never a brace, whatever its text. */
  readonly quoted: boolean;
  /** How many columns it takes in the file, quotes included. */
  readonly width: number;
}

export type Transport = "dns" | "tls" | "quic" | "grpc" | "https" | "https3";

/** One key of a server block, as it is understood: `tls://Example.org:8853`, `10.0.0.0/15`. */
export interface ServerKey {
  readonly token: Token;
  readonly transport: Transport;
  /** Lower case with the final dot. A CIDR key stands for several zones, every other for one. */
  readonly zones: readonly string[];
  readonly port: number;
}

export interface ServerBlock {
  /** Where the block begins. */
  readonly place: Place;
  readonly keys: readonly ServerKey[];
  /** One for each plugin that the block names, in the order of their first occurrence. */
  readonly directives: readonly Directive[];
  /** What `root` says, else empty: relative to this the plugins find their files. */
  readonly root: string;
}
