/*
 * Whether the records of an answer are those of the name that was asked for: each is made from the name's number, so that
 * an answer to another question, or half of one, does not count.
 */
#ifndef RECORDS_H
#define RECORDS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { TYPE_PTR = 12, TYPE_SRV = 33 };

/* A question as it was sent: its name, where it ends in the message, and the name's number. */
struct asked {
  const unsigned char *name;
  size_t end;
  uint32_t number;
};

/*
 * Where the type of the record at `at` stands, 0 when it is cut or belongs to another name. Its owner is a pointer to the
 * question's name, or that name once more where a server does not compress.
 */
static inline size_t behind_owner(const unsigned char *reply, size_t length, size_t at, const struct asked *asked) {
  size_t owner = asked->end - 12 - 4;
  if (length >= at + 2 && memcmp(reply + at, "\300\14", 2) == 0) at += 2;
  else if (length >= at + owner && memcmp(reply + at, asked->name, owner) == 0) at += owner;
  else return 0;
  return length >= at + 10 ? at : 0;
}

/* The address that the zones and the upstream of the benchmark give to number n: 10.x.y.z. */
static inline bool has_own_address(const unsigned char *reply, size_t length, const struct asked *asked) {
  size_t at = behind_owner(reply, length, asked->end, asked);
  uint32_t n = asked->number;
  return at != 0 && length >= at + 14 && memcmp(reply + at, "\0\1\0\1", 4) == 0 &&
         memcmp(reply + at + 8, (unsigned char[]){0, 4, 10, n >> 16, n >> 8, n}, 6) == 0;
}

/* Of a headless name of the generated cluster, or of what the upstream has many of: `count` addresses 10.x.y.z, 11.x.y.z, ..., each once, in any order. */
static inline bool has_own_endpoints(const unsigned char *reply, size_t length, const struct asked *asked, int count) {
  size_t at = asked->end;
  uint32_t n = asked->number, seen = 0;
  if (reply[6] != 0 || reply[7] != count) return false;
  for (int i = 0; i < count; i++, at += 14) {
    at = behind_owner(reply, length, at, asked);
    if (at == 0 || length < at + 14 || memcmp(reply + at, "\0\1\0\1", 4) != 0) return false;
    if (memcmp(reply + at + 11, (unsigned char[]){n >> 16, n >> 8, n}, 3) != 0) return false;
    unsigned which = reply[at + 10] - 10u;
    if (which >= (unsigned)count) return false;
    seen |= 1u << which;
  }
  return seen == (1u << count) - 1;
}

/* The target of a PTR or SRV record: its first label is letters and the number. */
static inline bool has_own_target(const unsigned char *reply, size_t length, const struct asked *asked, size_t at) {
  char digits[16];
  size_t count = snprintf(digits, sizeof digits, "%u", asked->number);
  at += 10 + (reply[at + 1] == TYPE_SRV ? 6 : 0);
  if (length <= at || length <= at + reply[at] || reply[at] <= count) return false;
  const unsigned char *end = reply + at + 1 + reply[at];
  return memcmp(end - count, digits, count) == 0 && (end[-count - 1] < '0' || end[-count - 1] > '9');
}

/* The strings that zones of large answers give to number n: each begins with "n ". */
static inline bool has_own_texts(const unsigned char *reply, size_t length, const struct asked *asked, int count, int size) {
  char start[16];
  size_t at = asked->end, digits = snprintf(start, sizeof start, "%u ", asked->number);
  if (reply[6] != 0 || reply[7] != count) return false;
  for (int i = 0; i < count; i++) {
    at = behind_owner(reply, length, at, asked);
    if (at == 0 || memcmp(reply + at, "\0\20\0\1", 4) != 0) return false;
    int data = (reply[at + 8] << 8) | reply[at + 9];
    at += 10;
    if (data != size + 1 || length < at + data || reply[at] != size) return false;
    if (memcmp(reply + at + 1, start, digits) != 0) return false;
    at += data;
  }
  return true;
}

#endif
