/** The fixed numbers of a message: RFC 1035 section 4.1.1, RFC 2535 section 6.1 (AD, CD), RFC 6891 section 6.1.2 (OPT). */

export const HEADER_SIZE = 12;
/** Type and class of a question (RFC 1035 section 4.1.2). */
export const QUESTION_FIXED_SIZE = 4;
/** What two bytes of length can say; the largest message on a stream. */
export const MAX_MESSAGE_SIZE = 65_535;
/** The largest message in a datagram over IPv4, which has headers of 20 and 8 bytes within the same two bytes of length. */
export const MAX_UDP_SIZE = 65_507;
/** RFC 1035 section 4.2.1: what every UDP client takes. */
export const MIN_UDP_SIZE = 512;
/** Type, class, TTL and RDLENGTH stand between a record's name and its data (RFC 1035 section 4.1.3). */
export const RECORD_FIXED_SIZE = 10;
/** The same with a pointer in the name's place. */
export const POINTED_RECORD_SIZE = 12;
/** The largest offset that a pointer can say (RFC 1035 section 4.1.4). */
export const MAX_POINTER = 0x3fff;
/** An OPT record without options: root, type, class, TTL, RDLENGTH. */
export const OPT_RECORD_SIZE = 11;

/** Masks on the header's second word. */
export const Flag = {
  QR: 0x8000,
  OPCODE: 0x7800,
  AA: 0x0400,
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  Z: 0x0040,
  AD: 0x0020,
  CD: 0x0010,
  RCODE: 0x000f,
} as const;
export const OPCODE_SHIFT = 11;
