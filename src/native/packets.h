/**
 * What the files of the addon share. The contract of a port, its slots, descriptors and address records, is told in
 * src/transport/packets.ts; this header has the same layouts for C.
 *
 * Threads: every worker loads the addon, and everything here belongs to one environment (one worker's event loop).
 * Nothing is global, so nothing is locked, with the one exception that `write_now` explains.
 */
#ifndef WEFTDNS_PACKETS_H
#define WEFTDNS_PACKETS_H

#define _GNU_SOURCE
#define NAPI_VERSION 9
#include <netinet/in.h>
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

/** Ports in one environment: two roles, and a second generation of both while a configuration is replaced, and reserve. */
#define MAX_PORTS 64
/** Sockets in one port. Upstream sockets are pooled; this only stops a runaway before the process is out of files. */
#define MAX_ENDPOINTS 8192
/** Full batches taken in one turn of the event loop, so that timers and other handles keep their share. */
#define MAX_ROUNDS 8
/**
 * Datagrams without a reply at once that end a turn: their queries wait for somebody, whose answers should be read before
 * more queries are. Of 512 that wait each has its memory pushed out of the processor's cache by the others: so a forwarding
 * worker with a full socket buffer answered 40,000 queries a second, and with an empty one 66,000.
 */
#define MAX_UNANSWERED 64
/** Sockets looked at in one turn of the inner epoll. */
#define MAX_EVENTS 64
/** What waits for a full socket; the same values as QUEUE_DATAGRAMS and QUEUE_BYTES. */
#define QUEUE_DATAGRAMS 1024
#define QUEUE_BYTES (1024 * 1024)
/**
 * Connected sockets of one family that wait for their next peer. An upstream side that takes a new port for every few
 * queries spends more on sockets than on queries: opening, watching and closing one is 8.3 us, connecting it anew 1.9,
 * and the kernel draws a new port all the same.
 */
#define MAX_IDLE 64
/** Datagrams thrown away before a socket goes to its next peer; with more waiting it is closed. */
#define MAX_STALE 16
/**
 * Datagrams on one socket from which it pays to take it out of the epoll while they are sent: the kernel tells whoever
 * watches a socket of every datagram that left it, whatever they asked to hear of, and that is dearer by far than the
 * two system calls. Measured on loopback: 0.2 us a datagram of 3.9; on a veth pair the same path is taken.
 */
#define REST_FROM 16
/** ENOBUFS has no readiness to wait for: the socket itself is writable, memory or a device queue is what lacks. */
#define RETRY_MS 5
/** Room for one pktinfo control message of either family. */
#define CONTROL_SIZE 64

struct address {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } peer;
  uint32_t peer_length;
  uint8_t local[16];
  uint32_t interface;
  uint32_t local_length;
  uint32_t unused[2];
};
_Static_assert(sizeof(struct address) == 64, "ADDRESS_SIZE in packets.ts");
_Static_assert(offsetof(struct address, peer_length) == 28, "PEER_LENGTH in packets.ts");
_Static_assert(offsetof(struct address, local) == 32, "LOCAL in packets.ts");
_Static_assert(offsetof(struct address, local_length) == 52, "LOCAL_LENGTH in packets.ts");

/** The words of a descriptor. */
enum { DESCRIPTOR_SOCKET, DESCRIPTOR_ADDRESS, DESCRIPTOR_OFFSET, DESCRIPTOR_LENGTH, DESCRIPTOR_WORDS };

/** PacketCounter in packets.ts. */
enum {
  RECEIVED,
  BATCHES,
  TRUNCATED,
  UNANSWERABLE,
  SENT,
  QUEUED,
  LOST_QUEUE_FULL,
  LOST_TOO_LARGE,
  LOST_FORBIDDEN,
  LOST_REFUSED,
  LOST_UNREACHABLE,
  LOST_OTHER,
  LIMITED,
  STALE,
  PACKET_COUNTERS
};

/** What a socket's datagrams bring along, and so how its slots must be prepared before recvmmsg. */
enum kind { UNPREPARED, CONNECTED, NAMED, NAMED_WITH_LOCAL };

/** A datagram waiting for its socket, in its lane's list from the newest to the oldest. */
struct waiting {
  struct waiting *newer;
  struct waiting *older;
  uint32_t lane;
  struct address address;
  uint32_t length;
  uint8_t bytes[];
};

struct endpoint {
  int fd;
  uint32_t number;
  /** Never given twice in a port, unlike the number: tells an event for this socket from one for its predecessor. */
  uint32_t serial;
  enum kind kind;
  /** Connected, and from an address and with buffers of the kernel's choice: can have another peer later. */
  bool reusable;
  sa_family_t family;
  /** In the list of removed or idle sockets. */
  struct endpoint *next;
  /** The last recvmmsg took all there was. */
  bool drained;
  /** Not watched just now, see REST_FROM. */
  bool resting;
  /** We wait for the kernel to say that it can be written. */
  bool watching_writable;
  /** A send failed on a connected socket: told to JavaScript as a slot with -error. */
  int error;
  /** What waits since the socket is full; NULL when nothing does. */
  struct queue *queue;
  /** The list of this socket's descriptors while `send` groups them. */
  int32_t first;
  int32_t last;
};

struct environment {
  napi_env env;
  uv_loop_t *loop;
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  bool ending;
  /** Ports whose libuv handles are not all closed yet. */
  uint32_t alive;
  struct port *ports[MAX_PORTS];
};

struct port {
  struct environment *environment;
  uint32_t id;
  bool closed;
  uint32_t open_handles;
  /** Inside onBatch the slots still name removed sockets, so these wait in `retired` before anything gets their numbers. */
  bool in_batch;
  /** Datagrams of this turn to which no reply was sent at once. */
  uint32_t unanswered;
  /** Inside on_ready, which watches a directly polled socket again when it is done. */
  bool in_turn;

  napi_ref on_batch;
  napi_ref buffers;
  uint8_t *received;
  int32_t *lengths;
  int32_t *numbers;
  struct address *addresses;
  uint8_t *sending;
  int32_t *descriptors;
  double *statistics;
  uint32_t slot_count;
  uint32_t slot_size;
  uint32_t stride;
  uint32_t descriptor_count;
  size_t sending_size;

  struct endpoint **endpoints;
  uint32_t endpoint_capacity;
  uint32_t endpoint_count;
  uint32_t next_serial;
  uint32_t *free_numbers;
  uint32_t free_count;
  struct endpoint *retired;
  struct endpoint *idle4;
  struct endpoint *idle6;
  uint32_t idle4_count;
  uint32_t idle6_count;

  /** One socket is polled directly; from the second on an epoll of our own is, so that one callback carries them all. */
  struct watcher *watcher;
  struct endpoint *direct;
  int epoll;
  uv_timer_t timer;

  enum kind prepared;
  struct mmsghdr *in;
  struct iovec *in_parts;
  uint8_t (*in_control)[CONTROL_SIZE];
  struct mmsghdr *out;
  struct iovec *out_parts;
  uint8_t (*out_control)[CONTROL_SIZE];
  int32_t *next;
  struct endpoint **groups;
};

struct watcher {
  uv_poll_t poll;
  struct port *port;
};

/** What JavaScript hands over for a port: its own buffers, which the addon fills and reads and keeps alive. */
struct port_buffers {
  uint8_t *received;
  size_t received_size;
  int32_t *lengths;
  int32_t *numbers;
  size_t slot_count;
  uint8_t *addresses;
  size_t addresses_size;
  uint8_t *sending;
  size_t sending_size;
  int32_t *descriptors;
  size_t descriptor_words;
  double *statistics;
  size_t statistics_count;
};

/* port.c: what is received, and how it is watched. All return 0, a number, or -errno. */
int port_open(struct environment *environment, const struct port_buffers *buffers, uint32_t slot_size, uint32_t stride,
              napi_value on_batch, napi_value keep, struct port **result);
void port_close(struct port *port);
int watch(struct port *port, struct endpoint *endpoint);
void unwatch(struct port *port, struct endpoint *endpoint);
void rest(struct port *port, struct endpoint *endpoint);
void watch_again(struct port *port, struct endpoint *endpoint);
int watch_writable(struct port *port, struct endpoint *endpoint, bool wanted);
void wake_later(struct port *port, uint64_t delay_ms);

/* endpoints.c: sockets in and out of a port. */
/** Takes over the descriptor, also when it fails. */
int port_add(struct port *port, int fd);
/** `source` "" and `receive_buffer` 0 leave both to the kernel. */
int port_connect(struct port *port, const char *address, uint16_t number, const char *source, int receive_buffer);
void port_remove(struct port *port, uint32_t number);
/** Takes what has come to a socket by now, in batches of its own. */
void port_drain(struct port *port, uint32_t number);
/** The slots are free again, and with them the sockets removed meanwhile. */
void settle_retired(struct port *port);
void close_endpoints(struct port *port);

/* send.c */
uint32_t send_descriptors(struct port *port, uint32_t count);
void flush_waiting(struct port *port, struct endpoint *endpoint);

/* queue.c: what waits for a full socket. */
/** Keeps a copy, which may push out others or be pushed out at once. Returns whether it waits. */
bool enqueue(struct port *port, struct endpoint *endpoint, const struct msghdr *message);
/** Whose turn it is, now the caller's; NULL when nothing waits. */
struct waiting *take_next(struct queue *queue);
/** Undoes `take_next`: the last taken goes back first, before anything else is put in. */
void put_back(struct queue *queue, struct waiting *waiting);
/** After `take_next`, when all is done with. */
void release_empty(struct endpoint *endpoint);
void drop_waiting(struct port *port, struct endpoint *endpoint);

/* limits.c */
/** `entries`: `count` times family (4 or 6), the address's first two words as numbers, what to keep of 2^32. */
int set_limits(int fd, const uint32_t *entries, size_t count);

/* interfaces.c */

/** An IPv6 address with its zone and a newline. */
#define ADDRESS_LINE 80

/** Writes the addresses as lines. Their length in bytes, which may be more than `size`; -ENODEV: there is no such interface. */
int interface_addresses(const char *name, uint8_t *out, size_t size);

/* socket.c: descriptors opened, asked and steered; all return a value >= 0 or -errno. */
#define OPEN_REUSE_PORT 1
#define OPEN_ONLY_6 2
int open_udp(const char *address, uint16_t port, int receive_buffer, uint32_t flags);
/** Numeric addresses of both families, IPv6 with an optional %zone. Gives the length of `out`. */
int parse_address(const char *text, uint16_t port, struct sockaddr_storage *out);
int open_unconnected_udp(int family, const char *source, int receive_buffer);
int bound_port(int fd);
/** 0, or -errno where recvmmsg or sendmmsg is refused. */
int can_batch(void);
int set_steering(int fd, const int32_t *live, uint32_t count);
int refuse_new(int fd);
int64_t socket_drops(int fd);
/** From 0, empty, to 1: the part of its receive buffer that is in use. */
double socket_fill(int fd);
/** Bytes of the kernel's memory for what a socket has not been asked for, and what its peer has not taken; or -errno. */
double socket_memory(int fd);
int reset_on_close(int fd);
int set_receive_buffer(int fd, int bytes);
int set_send_buffer(int fd, int bytes);
int64_t write_now(int fd, const uint8_t *bytes, size_t length);
int send_notice(const char *address, const char *text, int fd);
/** Whether replies on this socket need the address that was asked. */
bool wants_local_address(int fd);

static inline struct endpoint *find_endpoint(struct port *port, int64_t number) {
  return number >= 0 && number < port->endpoint_capacity ? port->endpoints[number] : NULL;
}

#endif
