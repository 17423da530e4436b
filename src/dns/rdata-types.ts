/** What each type's rdata consists of. Types that are not here, and OPT, are bytes without a text of their own (RFC 3597). */
import { a6, addressPrefixes, atmAddress, ipv4, ipv6, nsap } from "./rdata-address.ts";
import {
  dashBase64,
  groupedHex,
  hashedOwner,
  remainingBase64,
  remainingHex,
  salt,
  sizedBase64,
} from "./rdata-binary.ts";
import { oldTypeBitmap, portBitmap, typeBitmap } from "./rdata-bitmap.ts";
import {
  compressedName,
  type Field,
  interval,
  mnemonic,
  plainName,
  rrType,
  signatureTime,
  u8,
  u8Named,
  u16,
  u32,
  u48,
  u64,
} from "./rdata-field.ts";
import { hostIdentity, ipsecKey, relay } from "./rdata-gateway.ts";
import { location } from "./rdata-location.ts";
import { caaTag, characterString, characterStrings, oneOrTwoStrings, remainingText } from "./rdata-text.ts";
import { serviceParameters } from "./svcb.ts";
import { Rcode, Type } from "./types.ts";

/** IANA "DNS Security Algorithm Numbers". */
const ALGORITHMS = {
  RSAMD5: 1,
  DH: 2,
  DSA: 3,
  RSASHA1: 5,
  "DSA-NSEC3-SHA1": 6,
  NSEC3DSA: 6,
  "RSASHA1-NSEC3-SHA1": 7,
  NSEC3RSASHA1: 7,
  RSASHA256: 8,
  RSASHA512: 10,
  "ECC-GOST": 12,
  ECCGOST: 12,
  ECDSAP256SHA256: 13,
  ECDSAP384SHA384: 14,
  ED25519: 15,
  ED448: 16,
  INDIRECT: 252,
  PRIVATEDNS: 253,
  PRIVATEOID: 254,
} as const;

/** RFC 4398 section 2.1. */
const CERTIFICATE_TYPES = {
  PKIX: 1,
  SPKI: 2,
  PGP: 3,
  IPKIX: 4,
  ISPKI: 5,
  IPGP: 6,
  ACPKIX: 7,
  IACPKIX: 8,
  URI: 253,
  OID: 254,
} as const;

const algorithm = u8Named("a DNSSEC algorithm", ALGORITHMS);
const certificateType = mnemonic(2, "a certificate type", CERTIFICATE_TYPES);
const certificateAlgorithm = mnemonic(1, "a DNSSEC algorithm", ALGORITHMS);
const protocol = u8Named("a protocol's number", { ICMP: 1, TCP: 6, UDP: 17 });
// In a TSIG or TKEY 16 means BADSIG; BADVERS belongs to OPT (RFC 8945 section 3).
const { BADVERS: badSignature, ...otherRcodes } = Rcode;
const errorCode = mnemonic(2, "an error's name or number", { BADSIG: badSignature, ...otherRcodes });

const key = remainingBase64(0);
const someBase64 = remainingBase64(1);
const digest = remainingHex(1);
const texts = [characterStrings];

const delegationSigner = [u16, algorithm, u8, digest];
const publicKey = [u16, u8, algorithm, key];
const signature = [rrType, algorithm, u8, u32, signatureTime, signatureTime, u16, plainName, someBase64];
const association = [u8, u8, u8, digest];
const service = [u16, plainName, serviceParameters];
const preference = [u16, plainName];
const locator64 = groupedHex("four groups of hexadecimal digits joined by colons", 4, 2, ":");

const FIELDS: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  [Type.A, [ipv4]],
  [Type.NS, [compressedName]],
  [Type.MD, [compressedName]],
  [Type.MF, [compressedName]],
  [Type.CNAME, [compressedName]],
  [Type.SOA, [compressedName, compressedName, u32, interval, interval, interval, interval]],
  [Type.MB, [compressedName]],
  [Type.MG, [compressedName]],
  [Type.MR, [compressedName]],
  [Type.WKS, [ipv4, protocol, portBitmap]],
  [Type.PTR, [compressedName]],
  [Type.HINFO, [characterString, characterString]],
  [Type.MINFO, [compressedName, compressedName]],
  [Type.MX, [u16, compressedName]],
  [Type.TXT, texts],
  [Type.RP, [plainName, plainName]],
  [Type.AFSDB, preference],
  [Type.X25, [characterString]],
  [Type.ISDN, [oneOrTwoStrings]],
  [Type.RT, preference],
  [Type.NSAP, [nsap]],
  [Type["NSAP-PTR"], [plainName]],
  [Type.SIG, signature],
  [Type.KEY, publicKey],
  [Type.PX, [u16, plainName, plainName]],
  [Type.GPOS, [characterString, characterString, characterString]],
  [Type.AAAA, [ipv6]],
  [Type.LOC, [location]],
  [Type.NXT, [plainName, oldTypeBitmap]],
  [Type.EID, [digest]],
  [Type.NIMLOC, [digest]],
  [Type.SRV, [u16, u16, u16, plainName]],
  [Type.ATMA, [atmAddress]],
  [Type.NAPTR, [u16, u16, characterString, characterString, characterString, plainName]],
  [Type.KX, preference],
  [Type.CERT, [certificateType, u16, certificateAlgorithm, someBase64]],
  [Type.A6, [a6]],
  [Type.DNAME, [plainName]],
  [Type.SINK, [u8, u8, u8, key]],
  [Type.APL, [addressPrefixes]],
  [Type.DS, delegationSigner],
  [Type.SSHFP, [u8, u8, digest]],
  [Type.IPSECKEY, [ipsecKey]],
  [Type.RRSIG, signature],
  [Type.NSEC, [plainName, typeBitmap]],
  [Type.DNSKEY, publicKey],
  [Type.DHCID, [someBase64]],
  [Type.NSEC3, [u8, u8, u16, salt, hashedOwner, typeBitmap]],
  [Type.NSEC3PARAM, [u8, u8, u16, salt]],
  [Type.TLSA, association],
  [Type.SMIMEA, association],
  [Type.HIP, [hostIdentity]],
  [Type.NINFO, texts],
  [Type.RKEY, publicKey],
  [Type.TALINK, [plainName, plainName]],
  [Type.CDS, delegationSigner],
  [Type.CDNSKEY, publicKey],
  [Type.OPENPGPKEY, [someBase64]],
  [Type.CSYNC, [u32, u16, typeBitmap]],
  [Type.ZONEMD, [u32, u8, u8, digest]],
  [Type.SVCB, service],
  [Type.HTTPS, service],
  [Type.DSYNC, [rrType, mnemonic(1, "a scheme", { NOTIFY: 1 }), u16, plainName]],
  [Type.HHIT, [someBase64]],
  [Type.BRID, [someBase64]],
  [Type.SPF, texts],
  [Type.NID, [u16, locator64]],
  [Type.L32, [u16, ipv4]],
  [Type.L64, [u16, locator64]],
  [Type.LP, preference],
  [Type.EUI48, [groupedHex("six pairs of hexadecimal digits joined by dashes", 6, 1, "-")]],
  [Type.EUI64, [groupedHex("eight pairs of hexadecimal digits joined by dashes", 8, 1, "-")]],
  [Type.TKEY, [plainName, signatureTime, signatureTime, u16, errorCode, sizedBase64, sizedBase64]],
  [Type.TSIG, [plainName, u48, u16, sizedBase64, u16, errorCode, sizedBase64]],
  [Type.URI, [u16, u16, remainingText]],
  [Type.CAA, [u8, caaTag, remainingText]],
  [Type.AVC, texts],
  [Type.DOA, [u32, u32, u8, characterString, dashBase64]],
  [Type.AMTRELAY, [relay]],
  [Type.RESINFO, texts],
  [Type.WALLET, texts],
  [Type.CLA, texts],
  [Type.IPN, [u64]],
  [Type.TA, delegationSigner],
  [Type.DLV, delegationSigner],
]);

/** The types of a zone are few and low, and a record of a zone asks here each time: an array answers faster. */
const LOW_FIELDS: readonly (readonly Field[] | undefined)[] = Array.from({ length: 512 }, (_, type) =>
  FIELDS.get(type),
);

export function fieldsOf(type: number): readonly Field[] | undefined {
  return type < LOW_FIELDS.length ? LOW_FIELDS[type] : FIELDS.get(type);
}
