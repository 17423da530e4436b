/*
 * The load: asks a DNS server over UDP or TCP in batches, checks what comes back, and prints one line of JSON.
 *
 * Closed loop (default): `outstanding` queries are always under way, spread over connected sockets with ports of their own;
 * an answer makes room for the next query, and a query without an answer for --timeout (a second) is counted as lost and
 * makes room too. Open loop (--rate): one query at a time at fixed instants, whatever the server does.
 *
 * An answer counts when it came to the socket that asked, with the id and the question of a query under way there.
 * Everything else is `foreign`. What the answer says is counted too, so that a server which refuses quickly cannot win.
 * --addresses: the address is the one that belongs to the name, and the target of PTR and SRV has its number; with --endpoints N
 * there are N addresses, each another. --texts COUNT,SIZE: so many TXT records, each one string of
 * SIZE bytes that begins with the name's number. A query file says itself what is wanted (names.h).
 *
 * With --prime each name is asked for once before the warm-up: a cache then has them all, whatever has expired meanwhile.
 * With --wait the load stops behind its warm-up, prints "ready" and goes on when it reads a line: the reader looks at the
 * server's CPU time while nothing is under way, and again when the result is there.
 *
 * --witness CORES, for the open loop: the latency of those answers alone that came while these cores were there ("calm"; witness.h).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"
#include "names.h"
#include "records.h"
#include "stream.h"
#include "witness.h"

enum {
  BATCH = 64,
  MAX_SOCKETS = 256,
  MAX_SLOTS = 1024, /* a socket; leaves 6 bits of the id to tell a late answer from the one awaited */
  OPT_BYTES = 11,
  QUERY_ROOM = 12 + NAME_MAX_BYTES + 5 + OPT_BYTES,
  REPLY_ROOM = 4096,
  RECEIVE_BUFFER = 4 << 20,
  SCANS = 20,                       /* searches for lost queries in one time-out */
  PAUSE = 100 * 1000,               /* ns; see run_closed */
  MAX_SECONDS = 3600,
  MAX_TIMEOUT = 10,
  PRIME_SECONDS = 20, /* at most; a server that is slower has no cache worth a look */
};
static const uint64_t SECOND = 1000000000;

struct slot {
  uint64_t sent_at; /* ns; 0 while the slot is free */
  uint32_t name, number; /* its place in the list, and the number in it */
  uint16_t id, length, question_end;
  unsigned char query[QUERY_ROOM];
};

struct line {
  int fd;
  int free_count;
  uint16_t *free;
  struct slot *slots;
  struct stream stream; /* over TCP only */
};

static struct {
  int port, sockets, outstanding, rate, edns, texts, text_size, endpoints;
  double seconds, warmup, timeout;
  uint64_t limit; /* of queries sent, 0 without */
  bool wait, addresses, tcp, prime;
  const char *witness, *measured;
} options = {.sockets = 16, .outstanding = 128, .seconds = 1, .timeout = 1, .measured = ""};

static struct counts {
  uint64_t sent, received, lost, foreign, skipped, send_errors, answered, wrong_records, unexpected, truncated, closed, rcodes[16];
  struct histogram latency;
} counts;

static struct names names = {.count = 1, .type = 1, .random = 0x9E3779B97F4A7C15ull};
static struct line lines[MAX_SOCKETS];
static int slots_per_line, slots_used, epoll = -1;
static uint64_t under_way, answers_this_round, received_in_all;
static uint64_t timeout, scan_interval; /* ns */

static uint64_t clock_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * SECOND + now.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void connect_line(struct line *line) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(options.port)};
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int size = RECEIVE_BUFFER, on = 1;
  line->fd = socket(AF_INET, (options.tcp ? SOCK_STREAM : SOCK_DGRAM | SOCK_NONBLOCK) | SOCK_CLOEXEC, 0);
  if (line->fd < 0 || setsockopt(line->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) < 0 ||
      connect(line->fd, (struct sockaddr *)&server, sizeof server) < 0) fail("socket");
  if (options.tcp && !stream_open(&line->stream, line->fd)) fail("stream");
  /* In the open loop the kernel says when an answer arrived, so that our own waking up is not in the latency. */
  if (options.rate > 0 && setsockopt(line->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0) fail("SO_TIMESTAMPNS");
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
  if (epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, line->fd, &event) < 0) fail("epoll_ctl");
}

static void open_lines(void) {
  if (options.rate > 0 && (epoll = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
  for (int i = 0; i < options.sockets; i++) {
    struct line *line = &lines[i];
    connect_line(line);
    line->slots = calloc(slots_per_line, sizeof *line->slots);
    line->free = calloc(slots_per_line, sizeof *line->free);
    if (line->slots == NULL || line->free == NULL) fail("memory");
    for (int s = 0; s < slots_per_line; s++) {
      line->slots[s].id = s;
      if (s < slots_used) line->free[line->free_count++] = s;
    }
  }
}

/* Puts the next query into a slot; its id is the slot's number with a count above it. */
static void write_query(struct slot *slot) {
  slot->name = names_next(&names);
  slot->id += slots_per_line;
  unsigned char *query = slot->query;
  memcpy(query, (unsigned char[]){slot->id >> 8, slot->id, 1 /* RD */, 0, 0, 1, 0, 0, 0, 0, 0, options.edns > 0}, 12);
  slot->length = slot->question_end = 12 + names_question(&names, slot->name, query + 12);
  slot->number = names.number;
  if (options.edns == 0) return;
  /* The OPT record: root, type 41, the size as its class (RFC 6891 section 6.1.2). */
  memcpy(query + slot->length, (unsigned char[]){0, 0, 41, options.edns >> 8, options.edns, 0, 0, 0, 0, 0, 0}, OPT_BYTES);
  slot->length += OPT_BYTES;
}

static void release(struct line *line, struct slot *slot) {
  slot->sent_at = 0;
  line->free[line->free_count++] = slot - line->slots;
  under_way--;
}

/* Sends up to `wanted` queries from this line's free slots; returns how many went out. */
static int ask(struct line *line, int wanted, clockid_t clock) {
  static struct iovec parts[BATCH];
  static struct mmsghdr messages[BATCH];
  static struct slot *chosen[BATCH];
  int count = wanted < line->free_count ? wanted : line->free_count;
  if (count > BATCH) count = BATCH;
  if (count == 0) return 0;

  for (int i = 0; i < count; i++) {
    struct slot *slot = chosen[i] = &line->slots[line->free[line->free_count - 1 - i]];
    write_query(slot);
    parts[i] = (struct iovec){slot->query, slot->length};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
  uint64_t now = clock_ns(clock);
  int sent = options.tcp ? stream_send(&line->stream, line->fd, parts, count) : sendmmsg(line->fd, messages, count, 0);
  /* The kernel tells here that an earlier query found the port closed, and has sent nothing: that one is lost, not this one. */
  if (sent < 0 && errno == ECONNREFUSED) sent = sendmmsg(line->fd, messages, count, 0);
  if (sent < 0) { /* EAGAIN, ENOBUFS: try again in the next round */
    counts.send_errors++;
    return 0;
  }
  for (int i = 0; i < sent; i++) chosen[i]->sent_at = now;
  line->free_count -= sent;
  under_way += sent;
  counts.sent += sent;
  return sent;
}

static bool has_own_records(const unsigned char *reply, size_t length, const struct slot *slot) {
  struct asked asked = {slot->query + 12, slot->question_end, slot->number};
  if (options.texts > 0) return has_own_texts(reply, length, &asked, options.texts, options.text_size);
  if (names.listed != NULL && !names.listed[slot->name].has_number) return true;
  if (!options.addresses) return true;
  if (options.endpoints > 0) return has_own_endpoints(reply, length, &asked, options.endpoints);
  size_t at = behind_owner(reply, length, asked.end, &asked);
  if (at != 0 && reply[at] == 0 && (reply[at + 1] == TYPE_PTR || reply[at + 1] == TYPE_SRV))
    return has_own_target(reply, length, &asked, at);
  return has_own_address(reply, length, &asked);
}

static void take_reply(struct line *line, const unsigned char *reply, size_t length, uint64_t now) {
  struct slot *slot = length < 12 ? NULL : &line->slots[((reply[0] << 8) | reply[1]) & (slots_per_line - 1)];
  if (slot == NULL || slot->sent_at == 0 || memcmp(reply, slot->query, 2) != 0 || !(reply[2] & 0x80)) {
    counts.foreign++;
    return;
  }
  /* A refusal may come without the question; whatever has one must have ours. */
  bool question = reply[4] != 0 || reply[5] != 0;
  if (question && (length < slot->question_end || memcmp(reply + 12, slot->query + 12, slot->question_end - 12) != 0)) {
    counts.foreign++;
    return;
  }
  counts.received++;
  received_in_all++;
  counts.rcodes[reply[3] & 15]++;
  if (reply[2] & 2) counts.truncated++;
  if (reply[6] != 0 || reply[7] != 0) {
    counts.answered++;
    if (!has_own_records(reply, length, slot)) counts.wrong_records++;
  }
  if (names.listed != NULL) {
    const struct listed *listed = &names.listed[slot->name];
    if (listed->rcode != UNCHECKED && listed->rcode != (reply[3] & 15)) counts.unexpected++;
    else if (listed->answers != UNCHECKED && listed->answers != reply[7]) counts.unexpected++;
  }
  uint64_t latency = now > slot->sent_at ? now - slot->sent_at : 0;
  histogram_add(&counts.latency, latency);
  witness_note(slot->sent_at, latency);
  release(line, slot);
  answers_this_round++;
}

static uint64_t arrival(struct msghdr *message, uint64_t otherwise) {
  struct timespec stamp;
  struct cmsghdr *part = CMSG_FIRSTHDR(message);
  if (part == NULL || part->cmsg_type != SCM_TIMESTAMPNS) return otherwise;
  memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
  return stamp.tv_sec * SECOND + stamp.tv_nsec;
}

/* What was under way on a connection that the server has closed is lost; a new one takes its place (RFC 7766 section 6.2.4). */
static void reconnect(struct line *line) {
  counts.closed++;
  for (int s = 0; s < slots_per_line; s++) {
    if (line->slots[s].sent_at == 0) continue;
    counts.lost++;
    release(line, &line->slots[s]);
  }
  close(line->fd);
  connect_line(line);
}

static void listen_to_stream(struct line *line, clockid_t clock) {
  size_t length;
  bool is_open = stream_receive(&line->stream, line->fd);
  uint64_t now = clock_ns(clock);
  for (const unsigned char *reply; (reply = stream_next(&line->stream, &length)) != NULL;) take_reply(line, reply, length, now);
  if (!is_open) reconnect(line);
}

/* Takes one batch off the line. */
static void listen_to(struct line *line, clockid_t clock) {
  static unsigned char replies[BATCH][REPLY_ROOM];
  static unsigned char control[BATCH][64];
  static struct iovec parts[BATCH];
  static struct mmsghdr messages[BATCH];

  if (options.tcp) {
    listen_to_stream(line, clock);
    return;
  }
  for (int i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){replies[i], REPLY_ROOM};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    if (options.rate > 0) messages[i].msg_hdr.msg_control = control[i], messages[i].msg_hdr.msg_controllen = 64;
  }
  int count = recvmmsg(line->fd, messages, BATCH, MSG_DONTWAIT, NULL);
  if (count <= 0) return;
  uint64_t now = clock_ns(clock);
  for (int i = 0; i < count; i++) {
    take_reply(line, replies[i], messages[i].msg_len, options.rate > 0 ? arrival(&messages[i].msg_hdr, now) : now);
  }
}

static void give_up_late(uint64_t now) {
  for (int i = 0; i < options.sockets; i++) {
    if (lines[i].free_count == slots_used) continue; /* at a fixed pace nearly all: room for a second's queries is not read for nothing */
    for (int s = 0; s < slots_per_line; s++) {
      struct slot *slot = &lines[i].slots[s];
      if (slot->sent_at == 0 || now < slot->sent_at + timeout) continue;
      counts.lost++;
      release(&lines[i], slot);
    }
  }
}

/*
 * Keeps `outstanding` queries under way until the end, then waits for what is still out. When a round brought little, the
 * load sleeps for a moment instead of waiting in poll: a server should not pay for waking the load, and both then work in
 * batches, as they would under many clients.
 */
static void run_closed(uint64_t end, uint64_t limit) {
  uint64_t next_scan = 0;
  for (;;) {
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    bool sending = now < end && (limit == 0 || counts.sent < limit);
    if (!sending && under_way == 0) return;
    if (now >= next_scan) {
      give_up_late(now);
      next_scan = now + scan_interval;
    }
    answers_this_round = 0;
    for (int i = 0; i < options.sockets; i++) {
      listen_to(&lines[i], CLOCK_MONOTONIC);
      if (!sending) continue;
      uint64_t left = limit == 0 ? BATCH : limit - counts.sent;
      ask(&lines[i], left < BATCH ? (int)left : BATCH, CLOCK_MONOTONIC);
    }
    if (answers_this_round * 4 < (uint64_t)options.outstanding) nanosleep(&(struct timespec){0, PAUSE}, NULL);
  }
}

/*
 * One query at each instant of a fixed pace, on the sockets in turn. An instant that we slept through is made up for at once:
 * the number is kept, and the latency counts from the sending, which no slow answer can delay.
 */
static void run_open(uint64_t end, uint64_t limit) {
  static struct epoll_event ready[MAX_SOCKETS];
  uint64_t interval = SECOND / options.rate, next = clock_ns(CLOCK_REALTIME), next_scan = 0, turn = 0;
  for (;;) {
    uint64_t now = clock_ns(CLOCK_REALTIME);
    bool sending = clock_ns(CLOCK_MONOTONIC) < end && (limit == 0 || counts.sent < limit);
    if (!sending && under_way == 0) return;
    if (now >= next_scan) {
      give_up_late(now);
      next_scan = now + scan_interval;
    }
    if (sending && now >= next) {
      if (ask(&lines[turn++ % options.sockets], 1, CLOCK_REALTIME) == 0) counts.skipped++;
      next += interval;
      continue;
    }
    uint64_t sleep = sending ? next - now : scan_interval;
    int count = epoll_pwait2(epoll, ready, MAX_SOCKETS, &(struct timespec){sleep / SECOND, sleep % SECOND}, NULL);
    for (int i = 0; i < count; i++) listen_to(ready[i].data.ptr, CLOCK_REALTIME);
  }
}

/* Returns the seconds it took. Answers to earlier phases cannot come: every phase ends with nothing under way. */
static double run(double seconds, uint64_t limit) {
  memset(&counts, 0, sizeof counts);
  uint64_t start = clock_ns(CLOCK_MONOTONIC);
  uint64_t end = start + (uint64_t)(seconds * SECOND);
  if (options.rate > 0) run_open(end, limit);
  else run_closed(end, limit);
  return (double)(clock_ns(CLOCK_MONOTONIC) - start) / SECOND;
}

static void prime(void) {
  enum order order = names.order;
  uint64_t position = names.position;
  names.order = SEQUENCE;
  names.position = 0;
  run(PRIME_SECONDS, names.count);
  names.order = order;
  names.position = position;
}

static void print_result(double seconds, double cpu) {
  printf("{\"seconds\":%.6f,\"cpuSeconds\":%.6f", seconds, cpu);
  const struct { const char *name; uint64_t value; } fields[] = {
      {"sent", counts.sent}, {"received", counts.received}, {"lost", counts.lost}, {"foreign", counts.foreign},
      {"skipped", counts.skipped}, {"sendErrors", counts.send_errors}, {"answered", counts.answered},
      {"wrongRecords", counts.wrong_records}, {"unexpected", counts.unexpected}, {"truncated", counts.truncated},
      {"closed", counts.closed}, {"receivedInAll", received_in_all /* in the warm-up too */},
      {"namesDrawn", names.position}, {"freshEnd", names.fresh}};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    printf(",\"%s\":%llu", fields[i].name, (unsigned long long)fields[i].value);
  }
  printf(",\"rcodes\":[");
  for (int i = 0; i < 16; i++) printf("%s%llu", i == 0 ? "" : ",", (unsigned long long)counts.rcodes[i]);
  printf("],\"latency\":");
  histogram_print(&counts.latency);
  if (options.witness != NULL) witness_print();
  printf("}\n");
}

static void usage(void) {
  fprintf(stderr,
          "usage: load --port N (--names PATTERN --count N [--first N] [--order uniform|zipf|sequence] [--zipf S] | --file FILE)\n"
          "            [--type A] [--sockets 16] [--outstanding 128] [--rate QPS] [--seconds 1] [--warmup 0] [--limit N]\n"
          "            [--timeout 1] [--seed N] [--edns SIZE] [--tcp] [--addresses [--endpoints N] | --texts COUNT,SIZE] [--prime] [--wait]\n"
          "            [--witness CORES --measured PIDS]\n");
  exit(2);
}

static void read_options(int argc, char **argv) {
  static const struct option known[] = {
      {"port", 1, NULL, 'p'}, {"names", 1, NULL, 'n'}, {"count", 1, NULL, 'c'}, {"first", 1, NULL, 'f'},
      {"order", 1, NULL, 'o'}, {"zipf", 1, NULL, 'z'}, {"file", 1, NULL, 'F'}, {"type", 1, NULL, 't'},
      {"sockets", 1, NULL, 's'}, {"outstanding", 1, NULL, 'O'}, {"rate", 1, NULL, 'r'}, {"seconds", 1, NULL, 'S'},
      {"warmup", 1, NULL, 'w'}, {"limit", 1, NULL, 'l'}, {"timeout", 1, NULL, 'T'}, {"seed", 1, NULL, 'R'},
      {"edns", 1, NULL, 'e'}, {"tcp", 0, NULL, 'C'}, {"addresses", 0, NULL, 'a'}, {"texts", 1, NULL, 'x'},
      {"endpoints", 1, NULL, 'E'}, {"prime", 0, NULL, 'P'}, {"witness", 1, NULL, 'i'}, {"measured", 1, NULL, 'm'},
      {"wait", 0, NULL, 'W'}, {NULL, 0, NULL, 0}};
  const char *pattern = NULL, *file = NULL;
  double zipf = 1;
  for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
    switch (option) {
      case 'p': options.port = atoi(optarg); break;
      case 'n': pattern = optarg; break;
      case 'c': names.count = strtoul(optarg, NULL, 10); break;
      case 'f': names.first = strtoul(optarg, NULL, 10); break;
      case 'o': names.order = *optarg == 'z' ? ZIPF : *optarg == 's' ? SEQUENCE : UNIFORM; break;
      case 'z': zipf = atof(optarg); break;
      case 'F': file = optarg; break;
      case 't': names.type = names_type(optarg); break;
      case 's': options.sockets = atoi(optarg); break;
      case 'O': options.outstanding = atoi(optarg); break;
      case 'r': options.rate = atoi(optarg); break;
      case 'S': options.seconds = atof(optarg); break;
      case 'w': options.warmup = atof(optarg); break;
      case 'l': options.limit = strtoull(optarg, NULL, 10); break;
      case 'T': options.timeout = atof(optarg); break;
      case 'R': names.random ^= strtoull(optarg, NULL, 10) * 0xD1342543DE82EF95ull; break;
      case 'e': options.edns = atoi(optarg); break;
      case 'C': options.tcp = true; break;
      case 'P': options.prime = true; break;
      case 'a': options.addresses = true; break;
      case 'E': options.endpoints = atoi(optarg); break;
      case 'x':
        if (sscanf(optarg, "%d,%d", &options.texts, &options.text_size) != 2) usage();
        break;
      case 'W': options.wait = true; break;
      case 'i': options.witness = optarg; break;
      case 'm': options.measured = optarg; break;
      default: usage();
    }
  }
  if ((pattern == NULL) == (file == NULL) || options.port < 1 || options.port > 65535 || names.count < 1) usage();
  if (options.sockets < 1 || options.sockets > MAX_SOCKETS || options.outstanding < options.sockets) usage();
  if (options.seconds <= 0 || options.seconds > MAX_SECONDS || options.warmup < 0 || options.warmup > 60) usage();
  if (options.rate < 0 || options.rate > 1000000) usage();
  if (options.edns < 0 || options.edns > 65535 || options.texts < 0 || options.texts > 255) usage();
  if (options.endpoints < 0 || options.endpoints > 31) usage();
  if (!(options.timeout >= 0.1 && options.timeout <= MAX_TIMEOUT)) usage();
  timeout = (uint64_t)(options.timeout * SECOND);
  scan_interval = timeout / SCANS;
  if (names.random == 0) names.random = 1;

  /* Closed: as many slots as queries under way. Open: room for a second more of the rate than a query may wait. */
  double waiting = options.rate > 0 ? (options.timeout + 1) * options.rate : options.outstanding;
  slots_used = (int)(waiting / options.sockets) + (options.rate > 0);
  for (slots_per_line = 1; slots_per_line < slots_used;) slots_per_line *= 2;
  if (slots_per_line > MAX_SLOTS) usage();
  if (file != NULL) {
    names.fresh = names.first;
    names_file(&names, file);
    names.order = names.order == SEQUENCE ? SEQUENCE : UNIFORM;
    names.first = 0;
  } else names_pattern(&names, pattern);
  if (names.order == ZIPF) names_zipf(&names, zipf);
}

int main(int argc, char **argv) {
  read_options(argc, argv);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_TIMERSLACK, 1000UL); /* ns; the default of 50 us would blur the pace */
  alarm((unsigned)(options.seconds + options.warmup) + 120); /* whatever happens, no load runs on for ever */
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  open_lines();
  if (options.prime) prime();
  if (options.warmup > 0) run(options.warmup, 0);
  if (options.witness != NULL) witness_start(options.witness, options.measured, (size_t)(options.rate * (options.seconds + 1)));
  if (options.wait) {
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF) return 1;
  }
  uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  double seconds = run(options.seconds, options.limit);
  double used = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / SECOND;
  witness_end();
  print_result(seconds, used);
  return 0;
}
