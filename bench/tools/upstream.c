/*
 * The upstream of the forward scenarios: answers every A query with one record of TTL 60, everything else with no data, and
 * names that begin with "missing" with NXDOMAIN, both with an SOA record (RFC 2308 section 3) so that caches keep them. Names that
 * begin with "many" have 30 addresses: 10.x.y.z, 11.x.y.z, and so on.
 * The address of a name with digits in it is 10.x.y.z, made of the first run of them, as in the zones of the benchmark,
 * so that the load can tell a right answer from one that belongs to somebody else.
 */
#define _GNU_SOURCE
#include <strings.h>

#include "responder.h"

enum { MANY = 30 };

static int begins_with(const unsigned char *packet, const char *word) {
  size_t size = strlen(word);
  return packet[12] >= size && strncasecmp((const char *)packet + 13, word, size) == 0; /* some ask in random case */
}

static size_t answer_address(unsigned char *packet, size_t length) {
  size_t at = 12;
  unsigned number = 0;
  int digits = 0; /* 0 none yet, 1 inside the first run, 2 behind it */

  if (length < 12 + 5 || (packet[2] & 0x80)) return 0;
  while (packet[at] != 0) {
    size_t end = at + 1 + packet[at];
    if (packet[at] > 63 || end + 5 > length || end > 12 + 255) return 0; /* RFC 1035 section 3.1: 255 bytes */
    for (size_t i = at + 1; i < end; i++) {
      if (packet[i] >= '0' && packet[i] <= '9' && digits < 2) {
        number = number * 10 + (packet[i] - '0');
        digits = 1;
      } else if (digits == 1) digits = 2;
    }
    if (digits == 1) digits = 2;
    at = end;
  }
  at += 5; /* the root label, type, class */
  int address = packet[at - 4] == 0 && packet[at - 3] == 1;

  int missing = begins_with(packet, "missing");
  address &= !missing;
  packet[2] = 0x84 | (packet[2] & 0x79); /* QR and AA; opcode and RD as asked */
  packet[3] = 0x80 | (missing ? 3 : 0);  /* RA; NXDOMAIN or NOERROR */
  memcpy(packet + 4, "\0\1\0\0\0\0\0\0", 8);
  packet[7] = address && begins_with(packet, "many") ? MANY : address;
  packet[9] = !address;
  if (address) {
    for (int i = 0; i < packet[7]; i++, at += 16) {
      memcpy(packet + at, "\300\14\0\1\0\1\0\0\0\74\0\4", 12);
      packet[at + 12] = 10 + i;
      packet[at + 13] = number >> 16;
      packet[at + 14] = number >> 8;
      packet[at + 15] = number;
    }
  } else {
    /* The owner is the parent of the name; MNAME and RNAME are the root; refresh, retry, expire and minimum are a minute. */
    size_t parent = packet[12] == 0 ? 12 : 13 + packet[12];
    memcpy(packet + at, (unsigned char[]){0xC0, parent}, 2);
    memcpy(packet + at + 2, "\0\6\0\1\0\0\0\74\0\26\0\0\0\0\0\1\0\0\0\74\0\0\0\74\0\0\0\74\0\0\0\74", 32);
    at += 34;
  }
  return at;
}

int main(int argc, char **argv) { return responder_main(argc, argv, answer_address); }
