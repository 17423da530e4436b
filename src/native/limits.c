/**
 * A filter that takes only a part of what some addresses send. It runs where the datagram arrives, before it takes room in
 * the socket's buffer and without a turn of this process. It searches for the source address: by halves, then one by one.
 */
#include "packets.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <sys/socket.h>

/** Addresses in one filter: six instructions each for IPv6, and a quarter of two for halving. */
#define MAX_LIMITED 384
/** What the kernel takes (BPF_MAXINSNS). */
#define MAX_CODE 4096
/** So few are looked through one by one. */
#define LEAF 4
/** Offsets of the source address in the network header: IPv4; the first 64 bits of an IPv6 one. */
#define SOURCE_V4 12
#define SOURCE_HIGH 8
#define SOURCE_LOW 12

/** What to keep of 2^32 datagrams of an address: `high` is the IPv4 one, or with `low` the first half of an IPv6 one. */
struct limit {
  uint32_t family, high, low, keep;
};

struct program {
  struct sock_filter code[MAX_CODE];
  uint32_t length;
};

static void put(struct program *program, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf) {
  if (program->length < MAX_CODE) program->code[program->length] = (struct sock_filter)BPF_JUMP(code, k, jt, jf);
  program->length++;
}

static void load(struct program *program, int offset) {
  put(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/** Jumps over what is put next, up to `arrive`. */
static uint32_t depart(struct program *program) {
  put(program, BPF_JMP | BPF_JA, 0, 0, 0);
  return program->length - 1;
}

static void arrive(struct program *program, uint32_t departure) {
  if (departure < MAX_CODE) program->code[departure].k = program->length - departure - 1;
}

/** Whoever has found his address jumps to the program's end, with what to keep in X. */
struct tails {
  uint32_t departures[MAX_LIMITED];
  uint32_t count;
};

/** By which the search goes: among the addresses of a site the first words are alike. */
static uint32_t key_of(const struct limit *limit) {
  return limit->family == 4 ? limit->high : limit->low;
}

/** A holds the key's word of the address. */
static void put_leaf(struct program *program, struct tails *tails, const struct limit *limits, size_t count) {
  for (size_t i = 0; i < count; i++) {
    bool is_v4 = limits[i].family == 4;
    // The comparison of another address may have replaced it.
    if (!is_v4 && i > 0) load(program, SKF_NET_OFF + SOURCE_LOW);
    put(program, BPF_JMP | BPF_JEQ | BPF_K, key_of(&limits[i]), 0, is_v4 ? 2 : 4);
    if (!is_v4) {
      load(program, SKF_NET_OFF + SOURCE_HIGH);
      put(program, BPF_JMP | BPF_JEQ | BPF_K, limits[i].high, 0, 2);
    }
    put(program, BPF_LDX | BPF_W | BPF_IMM, limits[i].keep, 0, 0);
    tails->departures[tails->count++] = depart(program);
  }
  put(program, BPF_RET | BPF_K, UINT32_MAX, 0, 0);
}

static void put_search(struct program *program, struct tails *tails, const struct limit *limits, size_t count) {
  size_t half = count / 2;
  while (half < count && half > 0 && key_of(&limits[half]) == key_of(&limits[half - 1])) half++;
  if (count <= LEAF || half == count) {
    put_leaf(program, tails, limits, count);
    return;
  }
  put(program, BPF_JMP | BPF_JGE | BPF_K, key_of(&limits[half]), 0, 1);
  uint32_t to_upper = depart(program);
  put_search(program, tails, limits, half);
  arrive(program, to_upper);
  put_search(program, tails, limits + half, count - half);
}

static int by_key(const void *a, const void *b) {
  const struct limit *one = a, *other = b;
  if (one->family != other->family) return one->family < other->family ? -1 : 1;
  return (key_of(one) > key_of(other)) - (key_of(one) < key_of(other));
}

static void write_program(struct program *program, struct tails *tails, const struct limit *limits, size_t count) {
  size_t v4 = 0;
  while (v4 < count && limits[v4].family == 4) v4++;
  load(program, SKF_AD_OFF + SKF_AD_PROTOCOL);
  put(program, BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 1, 0);
  uint32_t to_v6 = depart(program);
  load(program, SKF_NET_OFF + SOURCE_V4);
  put_search(program, tails, limits, v4);
  arrive(program, to_v6);
  load(program, SKF_NET_OFF + SOURCE_LOW);
  put_search(program, tails, limits + v4, count - v4);
  for (uint32_t i = 0; i < tails->count; i++) arrive(program, tails->departures[i]);
  load(program, SKF_AD_OFF + SKF_AD_RANDOM);
  put(program, BPF_JMP | BPF_JGE | BPF_X, 0, 0, 1);
  put(program, BPF_RET | BPF_K, 0, 0, 0);
  put(program, BPF_RET | BPF_K, UINT32_MAX, 0, 0);
}

static int take_off(int fd) {
  int none = 0;
  bool done = setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none) == 0 || errno == ENOENT;
  return done || errno == ENOPROTOOPT ? 0 : -errno;
}

static int put_on(int fd, struct program *program) {
  if (program->length > MAX_CODE) return -E2BIG;
  struct sock_fprog filter = {.len = (uint16_t)program->length, .filter = program->code};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0 ? 0 : -errno;
}

int set_limits(int fd, const uint32_t *entries, size_t count) {
  if (count > MAX_LIMITED) return -E2BIG;
  if (count == 0) return take_off(fd);
  struct limit limits[MAX_LIMITED];
  for (size_t i = 0; i < count; i++)
    limits[i] = (struct limit){entries[4 * i], entries[4 * i + 1], entries[4 * i + 2], entries[4 * i + 3]};
  qsort(limits, count, sizeof *limits, by_key);
  struct program program;
  struct tails tails;
  program.length = 0;
  tails.count = 0;
  write_program(&program, &tails, limits, count);
  int result = put_on(fd, &program);
  if (result != -ENOMEM && result != -ENOBUFS) return result;
  // What a socket may have of such memory (net.core.optmem_max) is too little for two programs at once.
  take_off(fd);
  return put_on(fd, &program);
}
