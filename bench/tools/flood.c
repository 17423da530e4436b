/*
 * More than a server can take, from several addresses: each source is an address of 127/8 with a pace of its own, kept
 * whatever the server does. One of them may be loud. Prints one line of JSON: what each kind of source sent, what of it was
 * answered within --timeout, and how fast. With --spread N the loud one is a crowd: each of its queries comes from one of N
 * addresses, up to the millions that 127/8 has.
 *
 * An answer counts when it comes to the socket that asked, with the id of a query that still waits there. A source that asks
 * more than 65,536 times within the time-out takes its oldest ids again: those queries are counted as lost.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"
#include "names.h"

enum { BATCH = 64, MAX_SOURCES = 4096, IDS = 65536, QUERY_ROOM = 12 + NAME_MAX_BYTES + 5, MAX_SECONDS = 600 };
static const uint32_t QUIET_FIRST = 0x7F010001, LOUD_FIRST = 0x7F020001, CROWD_FIRST = 0x7F800000, MAX_SPREAD = 0x7FFFF0;
/* How often the pace is looked at. A source of 10,000 a second then sends ten at once. */
static const uint64_t TICK = 1000000, SECOND = 1000000000;
static const double CATCH_UP = 0.01; /* s */

struct kind {
  uint64_t sent, unsent, answered, failed;
  struct histogram latency;
};

struct source {
  int fd;
  double rate, due;
  uint16_t id;
  uint64_t *sent_at; /* by id; 0 when none waits */
  bool is_crowd;
  struct kind *kind;
};

static struct {
  int port, sources;
  uint32_t spread; /* addresses of the loud one */
  double rate, loud, seconds, warmup, timeout;
} options = {.sources = 20, .rate = 1000, .seconds = 3, .timeout = 1};

static struct kind quiet, loud;
static struct names names = {.count = 1, .type = 1, .random = 0x9E3779B97F4A7C15ull};
static struct source sources[MAX_SOURCES + 1];
static int source_count;
/* What is sent in the warm-up counts for nothing. */
static uint64_t measured_from = UINT64_MAX;

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * SECOND + now.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* `address` 0: of the crowd, whose queries say themselves where they come from. */
static void open_source(struct kind *kind, double rate, uint32_t address) {
  struct source *source = &sources[source_count++];
  struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(options.port)};
  from.sin_addr.s_addr = htonl(address);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int size = 8 << 20;
  *source = (struct source){.kind = kind, .rate = rate, .due = (double)source_count / (options.sources + 1)};
  source->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (source->fd < 0) fail("socket");
  /* Beyond rmem_max where we may: an answer that finds no room here would look like one that was never sent. */
  if (setsockopt(source->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
    setsockopt(source->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (bind(source->fd, (struct sockaddr *)&from, sizeof from) < 0) fail("bind");
  if (address != 0 && connect(source->fd, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");
  source->is_crowd = address == 0;
  source->sent_at = calloc(IDS, sizeof *source->sent_at);
  if (source->sent_at == NULL) fail("memory");
}

/* The next address of the crowd: all of them in turn, in an order that looks like none. */
static void set_sender(struct msghdr *header, unsigned char *control) {
  static struct sockaddr_in server;
  static uint32_t turn;
  server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(options.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  uint32_t address = CROWD_FIRST + (uint32_t)((turn++ * 2654435761ull) % options.spread);
  struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(address)};
  header->msg_name = &server;
  header->msg_namelen = sizeof server;
  header->msg_control = control;
  header->msg_controllen = CMSG_SPACE(sizeof info);
  struct cmsghdr *part = CMSG_FIRSTHDR(header);
  *part = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO};
  memcpy(CMSG_DATA(part), &info, sizeof info);
}

static void ask(struct source *source, int count) {
  static _Alignas(struct cmsghdr) unsigned char control[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))];
  static unsigned char queries[BATCH][QUERY_ROOM];
  static struct iovec parts[BATCH];
  static struct mmsghdr messages[BATCH];
  for (int i = 0; i < count; i++) {
    uint16_t id = source->id++;
    memcpy(queries[i], (unsigned char[]){id >> 8, id, 1 /* RD */, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 12);
    parts[i] = (struct iovec){queries[i], 12 + names_question(&names, names_next(&names), queries[i] + 12)};
    messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
    if (source->is_crowd) set_sender(&messages[i].msg_hdr, control[i]);
    source->sent_at[id] = now_ns();
  }
  int sent = sendmmsg(source->fd, messages, count, MSG_DONTWAIT);
  if (sent < 0) sent = 0;
  source->kind->sent += sent;
  source->kind->unsent += count - sent;
  for (int i = sent; i < count; i++) source->sent_at[(uint16_t)(source->id - count + i)] = 0;
}

static void listen_to(struct source *source) {
  static unsigned char replies[BATCH][512];
  static struct iovec parts[BATCH];
  static struct mmsghdr messages[BATCH];
  for (int i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){replies[i], sizeof replies[i]};
    messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
  }
  for (int count = BATCH; count == BATCH;) {
    count = recvmmsg(source->fd, messages, BATCH, MSG_DONTWAIT, NULL);
    uint64_t now = now_ns();
    for (int i = 0; i < count; i++) {
      if (messages[i].msg_len < 12) continue;
      uint64_t *sent_at = &source->sent_at[replies[i][0] << 8 | replies[i][1]];
      uint64_t waited = now - *sent_at;
      if (*sent_at == 0 || waited > options.timeout * SECOND) continue;
      bool counts = *sent_at >= measured_from;
      *sent_at = 0;
      if (!counts) continue;
      source->kind->answered++;
      if ((replies[i][3] & 15) != 0) source->kind->failed++;
      histogram_add(&source->kind->latency, waited);
    }
  }
}

/*
 * Every source sends what is due and takes what came, one after the other, once a tick. A tick that came late is made up for,
 * up to CATCH_UP: a flood that cannot keep its pace must not stop listening.
 */
static void run(void) {
  uint64_t start = now_ns(), last = start;
  uint64_t end = start + (uint64_t)((options.warmup + options.seconds) * SECOND);
  uint64_t over = end + (uint64_t)(options.timeout * SECOND);
  for (uint64_t now; (now = now_ns()) < over;) {
    double passed = (double)(now - last) / SECOND;
    last = now;
    if (passed > CATCH_UP) passed = CATCH_UP;
    bool sending = now < end;
    if (measured_from == UINT64_MAX && now >= start + (uint64_t)(options.warmup * SECOND)) {
      measured_from = now;
      quiet = loud = (struct kind){0};
    }
    for (int i = 0; i < source_count; i++) {
      struct source *source = &sources[i];
      source->due += sending ? passed * source->rate : -source->due;
      while (source->due >= 1) {
        int count = source->due < BATCH ? (int)source->due : BATCH;
        ask(source, count);
        source->due -= count;
      }
      listen_to(source);
    }
    uint64_t spent = now_ns() - now;
    if (spent < TICK) nanosleep(&(struct timespec){0, TICK - spent}, NULL);
  }
}

static void print_kind(const char *name, const struct kind *kind) {
  printf("\"%s\":{\"sent\":%llu,\"unsent\":%llu,\"answered\":%llu,\"failed\":%llu,\"latency\":", name,
         (unsigned long long)kind->sent, (unsigned long long)kind->unsent, (unsigned long long)kind->answered,
         (unsigned long long)kind->failed);
  histogram_print(&kind->latency);
  putchar('}');
}

static void usage(void) {
  fprintf(stderr,
          "usage: flood --port N --names PATTERN --count N [--type A] [--sources 20] [--rate 1000 (of each)] [--loud 0 (of one more)] [--spread N]\n"
          "             [--seconds 3] [--warmup 0] [--timeout 1] [--order uniform|sequence] [--first N]\n");
  exit(2);
}

int main(int argc, char **argv) {
  static const struct option known[] = {
      {"port", 1, NULL, 'p'}, {"names", 1, NULL, 'n'}, {"count", 1, NULL, 'c'}, {"type", 1, NULL, 't'}, {"sources", 1, NULL, 's'},
      {"rate", 1, NULL, 'r'}, {"loud", 1, NULL, 'l'}, {"seconds", 1, NULL, 'S'}, {"warmup", 1, NULL, 'w'}, {"timeout", 1, NULL, 'T'},
      {"order", 1, NULL, 'o'}, {"first", 1, NULL, 'f'}, {"spread", 1, NULL, 'a'}, {NULL, 0, NULL, 0}};
  const char *pattern = NULL;
  for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
    switch (option) {
      case 'p': options.port = atoi(optarg); break;
      case 'n': pattern = optarg; break;
      case 'c': names.count = strtoul(optarg, NULL, 10); break;
      case 't': names.type = names_type(optarg); break;
      case 's': options.sources = atoi(optarg); break;
      case 'r': options.rate = atof(optarg); break;
      case 'l': options.loud = atof(optarg); break;
      case 'S': options.seconds = atof(optarg); break;
      case 'w': options.warmup = atof(optarg); break;
      case 'T': options.timeout = atof(optarg); break;
      case 'o': names.order = *optarg == 's' ? SEQUENCE : UNIFORM; break;
      case 'a': options.spread = strtoul(optarg, NULL, 10); break;
      case 'f': names.first = strtoul(optarg, NULL, 10); break;
      default: usage();
    }
  }
  if (pattern == NULL || options.port < 1 || options.port > 65535 || names.count < 1) usage();
  if (options.sources < 0 || options.sources > MAX_SOURCES || options.rate < 0 || options.loud < 0) usage();
  if (!(options.seconds > 0 && options.seconds <= MAX_SECONDS && options.warmup >= 0 && options.warmup <= 60)) usage();
  if (options.spread > MAX_SPREAD) usage();
  if (!(options.timeout >= 0.01 && options.timeout <= 10)) usage();
  names_pattern(&names, pattern);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_TIMERSLACK, 1000UL);
  alarm((unsigned)(options.seconds + options.warmup) + 60);
  for (int i = 0; i < options.sources; i++) open_source(&quiet, options.rate, QUIET_FIRST + i);
  if (options.loud > 0) open_source(&loud, options.loud, options.spread > 0 ? 0 : LOUD_FIRST);
  run();
  printf("{\"seconds\":%.3f,", options.seconds);
  print_kind("quiet", &quiet);
  putchar(',');
  print_kind("loud", &loud);
  puts("}");
  return 0;
}
