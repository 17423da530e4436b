/**
 * The numbers of the DNS and their names: types, classes, rcodes and opcodes (IANA "DNS Parameters").
 *
 * Names are spelt as CoreDNS prints them, since logs and metric labels are made of them. Types that IANA knows and
 * CoreDNS does not (WKS NSAP A6 SINK DSYNC HHIT BRID DOA WALLET CLA IPN) carry IANA's mnemonic. Numbers without a name
 * print as RFC 3597 section 5 has it: TYPE65399, CLASS42; rcodes as the bare number.
 */

/** RR types. Quoted keys are the mnemonics that are no JavaScript names. */
export const Type = {
  A: 1,
  NS: 2,
  MD: 3,
  MF: 4,
  CNAME: 5,
  SOA: 6,
  MB: 7,
  MG: 8,
  MR: 9,
  NULL: 10,
  WKS: 11,
  PTR: 12,
  HINFO: 13,
  MINFO: 14,
  MX: 15,
  TXT: 16,
  RP: 17,
  AFSDB: 18,
  X25: 19,
  ISDN: 20,
  RT: 21,
  NSAP: 22,
  "NSAP-PTR": 23,
  SIG: 24,
  KEY: 25,
  PX: 26,
  GPOS: 27,
  AAAA: 28,
  LOC: 29,
  NXT: 30,
  EID: 31,
  NIMLOC: 32,
  SRV: 33,
  ATMA: 34,
  NAPTR: 35,
  KX: 36,
  CERT: 37,
  A6: 38,
  DNAME: 39,
  SINK: 40,
  OPT: 41,
  APL: 42,
  DS: 43,
  SSHFP: 44,
  IPSECKEY: 45,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  DHCID: 49,
  NSEC3: 50,
  NSEC3PARAM: 51,
  TLSA: 52,
  SMIMEA: 53,
  HIP: 55,
  NINFO: 56,
  RKEY: 57,
  TALINK: 58,
  CDS: 59,
  CDNSKEY: 60,
  OPENPGPKEY: 61,
  CSYNC: 62,
  ZONEMD: 63,
  SVCB: 64,
  HTTPS: 65,
  DSYNC: 66,
  HHIT: 67,
  BRID: 68,
  SPF: 99,
  UINFO: 100,
  UID: 101,
  GID: 102,
  UNSPEC: 103,
  NID: 104,
  L32: 105,
  L64: 106,
  LP: 107,
  EUI48: 108,
  EUI64: 109,
  NXNAME: 128,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
  URI: 256,
  CAA: 257,
  AVC: 258,
  DOA: 259,
  AMTRELAY: 260,
  RESINFO: 261,
  WALLET: 262,
  CLA: 263,
  IPN: 264,
  TA: 32768,
  DLV: 32769,
} as const;

export const Class = { IN: 1, CS: 2, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;

/** Rcodes with the extended ones of RFC 6891, TSIG (RFC 8945) and cookies (RFC 7873). */
export const Rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  DSOTYPENI: 11,
  BADVERS: 16,
  BADKEY: 17,
  BADTIME: 18,
  BADMODE: 19,
  BADNAME: 20,
  BADALG: 21,
  BADTRUNC: 22,
  BADCOOKIE: 23,
} as const;

export const Opcode = { QUERY: 0, IQUERY: 1, STATUS: 2, NOTIFY: 4, UPDATE: 5, DSO: 6 } as const;

// CoreDNS's own spellings where they are not the mnemonic: the reserved types, and class ANY, whose name it reads but
// prints as a number.
const typeNames = invert(Type).set(0, "None").set(65535, "Reserved");
const classNames = invert(Class).set(Class.ANY, "CLASS255");
// 16 is BADVERS in an OPT (RFC 6891) and BADSIG in a TSIG (RFC 8945); CoreDNS prints the latter for both.
const rcodeNames = invert(Rcode).set(Rcode.BADVERS, "BADSIG");
const opcodeNames = invert(Opcode);
const typeNumbers = new Map<string, number>([...Object.entries(Type), ["NONE", 0], ["RESERVED", 65535]]);
const classNumbers = new Map<string, number>(Object.entries(Class));
const rcodeNumbers = new Map<string, number>([...Object.entries(Rcode), ["BADSIG", Rcode.BADVERS]]);

export function typeName(type: number): string {
  return typeNames.get(type) ?? `TYPE${type}`;
}

/** The number behind a mnemonic or TYPE123, in any case of letters; -1 when it is neither. */
export function typeNumber(text: string): number {
  return typeNumbers.get(text) ?? typeNumbers.get(text.toUpperCase()) ?? genericNumber(text, "TYPE");
}

export function className(qclass: number): string {
  return classNames.get(qclass) ?? `CLASS${qclass}`;
}

/** The number behind IN, CH ... or CLASS123, in any case of letters; -1 when it is neither. */
export function classNumber(text: string): number {
  return classNumbers.get(text) ?? classNumbers.get(text.toUpperCase()) ?? genericNumber(text, "CLASS");
}

export function rcodeName(rcode: number): string {
  return rcodeNames.get(rcode) ?? String(rcode);
}

/** The number behind NXDOMAIN ..., in any case of letters; -1 when it is no rcode's name. */
export function rcodeNumber(text: string): number {
  return rcodeNumbers.get(text.toUpperCase()) ?? -1;
}

export function opcodeName(opcode: number): string {
  return opcodeNames.get(opcode) ?? `OPCODE${opcode}`;
}

function invert(numbers: Readonly<Record<string, number>>): Map<number, string> {
  return new Map(Object.entries(numbers).map(([name, number]) => [number, name]));
}

/** RFC 3597 section 5: the word TYPE or CLASS immediately followed by a decimal number of 16 bits. */
function genericNumber(text: string, word: string): number {
  if (text.length <= word.length || text.length > word.length + 5) return -1;
  if (text.slice(0, word.length).toUpperCase() !== word) return -1;
  let number = 0;
  for (let i = word.length; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number <= 0xffff ? number : -1;
}
