/*
 * Which name is asked next, as the bytes of a question.
 *
 * A pattern ("host%d.example.org") over `count` numbers from `first` on, drawn uniformly, by Zipf's law or in sequence; or a
 * query file of dnsperf's format, "NAME TYPE" a line, drawn uniformly or in sequence. A line may go on with what its answer
 * must have, "RCODE ANSWERS", and "%d" in its name is another number each time: names that nobody has asked for before.
 * Questions are written straight into the packet: a million prepared packets would make the load slower than writing
 * digits does.
 */
#ifndef NAMES_H
#define NAMES_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
  NAME_MAX_BYTES = 255,  /* RFC 1035 section 3.1 */
  LABEL_MAX_BYTES = 63,
  ZIPF_DRAWS = 1 << 20,  /* drawn before the start and then repeated: drawing needs a binary search each */
};

enum { FRESH_DIGITS = 9, UNCHECKED = 255 };

/* What a line of the query file says about its answer. */
struct listed {
  uint8_t rcode, answers; /* UNCHECKED without */
  uint16_t fresh_at;      /* where the digits of a new number stand in the question; 0 without */
  uint32_t number;        /* the first one in the name, of which its address is made */
  uint8_t has_number;
};

enum order { UNIFORM, ZIPF, SEQUENCE };

struct names {
  enum order order;
  uint32_t count, first, type;
  uint64_t position, random;
  uint32_t fresh;  /* the next number of a "%d" in a query file */
  uint32_t number; /* in the name of the last question written */
  uint32_t *draws;
  /* pattern: the wire bytes before the numbered label, the label's own text around the number, the rest */
  unsigned char before[NAME_MAX_BYTES + 1], prefix[LABEL_MAX_BYTES + 1], suffix[LABEL_MAX_BYTES + 1], after[NAME_MAX_BYTES + 1];
  size_t before_length, prefix_length, suffix_length, after_length;
  /* query file: all questions one behind the other, and where each begins */
  unsigned char *questions;
  uint32_t *offsets;
  struct listed *listed;
};

static void names_fail(const char *what, const char *value) {
  fprintf(stderr, "load: %s: %s\n", what, value);
  exit(2);
}

static inline uint64_t names_random(struct names *names) {
  uint64_t x = names->random; /* xorshift64*: fast, and even enough for choosing names */
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  names->random = x;
  return x * 0x2545F4914F6CDD1Dull;
}

static inline uint32_t names_below(struct names *names, uint32_t limit) {
  return (uint32_t)(((names_random(names) >> 32) * limit) >> 32);
}

/* Text labels to wire labels; returns the length, without the root. */
static size_t names_wire(const char *text, unsigned char *wire) {
  size_t length = 0;
  while (*text) {
    size_t label = strcspn(text, ".");
    if (label == 0 || label > LABEL_MAX_BYTES || length + label + 2 > NAME_MAX_BYTES) names_fail("bad name", text);
    wire[length] = (unsigned char)label;
    memcpy(wire + length + 1, text, label);
    length += label + 1;
    text += label;
    if (*text == '.') text++;
  }
  return length;
}

static uint32_t names_type(const char *text) {
  static const struct { const char *name; uint32_t type; } types[] = {
      {"A", 1}, {"NS", 2}, {"CNAME", 5}, {"SOA", 6}, {"PTR", 12}, {"MX", 15}, {"TXT", 16}, {"AAAA", 28}, {"SRV", 33}, {"HTTPS", 65}, {"ANY", 255}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (strcasecmp(types[i].name, text) == 0) return types[i].type;
  }
  names_fail("unknown type", text);
  return 0;
}

static inline void names_pattern(struct names *names, const char *pattern) {
  const char *number = strstr(pattern, "%d");
  if (number == NULL) names_fail("a pattern needs %d", pattern);
  const char *label = number;
  while (label > pattern && label[-1] != '.') label--;
  size_t suffix = strcspn(number + 2, ".");
  char before[NAME_MAX_BYTES + 1] = "";
  if (strlen(pattern) > 200 || (size_t)(number - label) + suffix + 10 > LABEL_MAX_BYTES) names_fail("too long", pattern);
  memcpy(before, pattern, label - pattern);
  names->before_length = names_wire(before, names->before);
  names->prefix_length = number - label;
  memcpy(names->prefix, label, names->prefix_length);
  names->suffix_length = suffix;
  memcpy(names->suffix, number + 2, suffix);
  number += 2 + suffix;
  names->after_length = names_wire(*number == '.' ? number + 1 : number, names->after);
  names->after[names->after_length++] = 0;
}

static struct listed names_listed(const char *name, unsigned rcode, unsigned answers) {
  struct listed listed = {.rcode = rcode, .answers = answers};
  const char *digits = strpbrk(name, "0123456789"), *fresh = strstr(name, "%d");
  if (fresh != NULL && digits != NULL) names_fail("%d and another number", name);
  if (digits != NULL) listed.number = strtoul(digits, NULL, 10);
  listed.has_number = digits != NULL || fresh != NULL;
  unsigned z, y, x; /* an address of 10/8 backwards: its number is the rest */
  if (sscanf(name, "%3u.%3u.%3u.10.in-addr.arpa", &z, &y, &x) == 3 && strstr(name, ".in-addr.arpa") != NULL)
    listed.number = x << 16 | y << 8 | z;
  return listed;
}

/* Writes the wire form of `text`, with room for digits in the place of "%d"; returns its length. */
static size_t names_line(struct listed *listed, const char *text, unsigned char *out) {
  char name[1024 + FRESH_DIGITS];
  const char *fresh = strstr(text, "%d");
  if (fresh == NULL) return names_wire(strcmp(text, ".") == 0 ? "" : text, out);
  snprintf(name, sizeof name, "%.*s%0*d%s", (int)(fresh - text), text, FRESH_DIGITS, 0, fresh + 2);
  listed->fresh_at = fresh - text + 1; /* the length byte of the first label comes before it, dots are length bytes */
  return names_wire(name, out);
}

static inline void names_file(struct names *names, const char *path) {
  FILE *file = fopen(path, "r");
  char line[2048], name[1024], type[32];
  size_t size = 0, used = 0, room = 0;
  if (file == NULL) names_fail("cannot read", path);
  names->count = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    unsigned rcode = UNCHECKED, answers = UNCHECKED;
    if (sscanf(line, "%1023s %31s %u %u", name, type, &rcode, &answers) < 2) continue;
    if (used + NAME_MAX_BYTES + 5 > size) names->questions = realloc(names->questions, size = 2 * size + 4096);
    if (names->count + 2 > room) {
      room = 2 * room + 64;
      names->offsets = realloc(names->offsets, room * sizeof *names->offsets);
      names->listed = realloc(names->listed, room * sizeof *names->listed);
    }
    if (names->questions == NULL || names->offsets == NULL || names->listed == NULL) names_fail("out of memory", path);
    struct listed *listed = &names->listed[names->count];
    *listed = names_listed(name, rcode, answers);
    names->offsets[names->count++] = used;
    used += names_line(listed, name, names->questions + used);
    uint32_t number = names_type(type);
    memcpy(names->questions + used, (unsigned char[]){0, number >> 8, number, 0, 1}, 5);
    used += 5;
  }
  fclose(file);
  if (names->count == 0) names_fail("no queries in", path);
  names->offsets[names->count] = used;
}

/* Rank r is drawn with a share of 1/r^s: how often names are asked in real traffic. */
static inline void names_zipf(struct names *names, double exponent) {
  double *sums = malloc(names->count * sizeof *sums), sum = 0;
  names->draws = malloc(ZIPF_DRAWS * sizeof *names->draws);
  if (sums == NULL || names->draws == NULL) names_fail("out of memory", "zipf");
  for (uint32_t i = 0; i < names->count; i++) sums[i] = sum += 1 / pow(i + 1, exponent);
  for (uint32_t i = 0; i < ZIPF_DRAWS; i++) {
    double wanted = (names_random(names) >> 11) * 0x1p-53 * sum;
    uint32_t low = 0, high = names->count - 1;
    while (low < high) {
      uint32_t middle = low + (high - low) / 2;
      if (sums[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    names->draws[i] = low;
  }
  free(sums);
}

static inline uint32_t names_next(struct names *names) {
  uint64_t position = names->position++;
  if (names->order == UNIFORM) return names->first + names_below(names, names->count);
  if (names->order == ZIPF) return names->first + names->draws[position % ZIPF_DRAWS];
  return names->first + (uint32_t)(position % names->count);
}

/* Writes the question of name `index` and returns its length, at most NAME_MAX_BYTES + 4. */
static inline size_t names_question(struct names *names, uint32_t index, unsigned char *out) {
  names->number = index;
  if (names->questions != NULL) {
    const struct listed *listed = &names->listed[index];
    size_t length = names->offsets[index + 1] - names->offsets[index];
    memcpy(out, names->questions + names->offsets[index], length);
    names->number = listed->number;
    if (listed->fresh_at == 0) return length;
    uint32_t rest = names->number = names->fresh++;
    for (int i = FRESH_DIGITS - 1; i >= 0; i--, rest /= 10) out[listed->fresh_at + i] = '0' + rest % 10;
    return length;
  }
  unsigned char digits[10], *at = out;
  int count = 0;
  do digits[count++] = '0' + index % 10;
  while ((index /= 10) != 0);

  memcpy(at, names->before, names->before_length);
  at += names->before_length;
  *at++ = names->prefix_length + count + names->suffix_length;
  memcpy(at, names->prefix, names->prefix_length);
  at += names->prefix_length;
  while (count > 0) *at++ = digits[--count];
  memcpy(at, names->suffix, names->suffix_length);
  at += names->suffix_length;
  memcpy(at, names->after, names->after_length);
  at += names->after_length;
  *at++ = names->type >> 8;
  *at++ = names->type;
  *at++ = 0;
  *at++ = 1; /* IN */
  return at - out;
}

#endif
