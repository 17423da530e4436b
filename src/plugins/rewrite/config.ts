/** What a Corefile says to rewrite, as plain data. */

/** How FROM is compared with a name. */
export interface Match {
  readonly kind: MatchKind;
  /** In lower case with a dot at its end; an expression as it was written. */
  readonly from: string;
}

export const MATCH_KINDS = ["exact", "prefix", "suffix", "substring", "regex"] as const;
export type MatchKind = (typeof MATCH_KINDS)[number];

export interface RewriteConfig {
  readonly rules: readonly RuleConfig[];
}

export type RuleConfig = { readonly continues: boolean } & (
  | NameRuleConfig
  | { readonly field: "type" | "class"; readonly from: number; readonly to: number }
  | { readonly field: "ttl"; readonly match: Match; readonly min: number; readonly max: number }
  | { readonly field: "rcode"; readonly match: Match; readonly from: number; readonly to: number }
  | { readonly field: "cname"; readonly match: Match; readonly to: string }
  | OptionRuleConfig
);

export interface NameRuleConfig {
  readonly field: "name";
  readonly match: Match;
  readonly to: string;
  /** TO may name metadata. */
  readonly metadata: boolean;
  /** Names in the reply are mapped back by what the rule itself says. */
  readonly auto: boolean;
  readonly answers: readonly AnswerConfig[];
}

/** `answer name` and `answer value`: owners, and names in the data of records, that the expression fits become `to`. */
export interface AnswerConfig {
  readonly what: "name" | "value";
  readonly pattern: string;
  readonly to: string;
}

export const ACTIONS = ["set", "append", "replace", "unset"] as const;
export type Action = (typeof ACTIONS)[number];

export interface OptionRuleConfig {
  readonly field: "edns0";
  readonly action: Action;
  readonly code: number;
  /** The code comes back to clients whose reply brings no OPT record of its own. */
  readonly local: boolean;
  readonly revert: boolean;
  readonly value: OptionValue;
}

export type OptionValue =
  | { readonly kind: "data"; readonly data: Uint8Array }
  | { readonly kind: "variable"; readonly name: Variable }
  | { readonly kind: "metadata"; readonly label: string }
  | { readonly kind: "subnet"; readonly bits4: number; readonly bits6: number };

export const VARIABLES = [
  "qname",
  "qtype",
  "client_ip",
  "client_port",
  "protocol",
  "server_ip",
  "server_port",
] as const;
export type Variable = (typeof VARIABLES)[number];

/** RFC 5001, RFC 7871. */
export const NSID = 3;
export const CLIENT_SUBNET = 8;
