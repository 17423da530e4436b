/**
 * What waits for a full socket, shared fairly: who asks for more than the line carries waits behind himself, and takes
 * neither the turn nor the room of who asks for little.
 *
 * Each client, by its address, has a lane. Lanes that are not empty send one datagram each in turn; in a lane the newest
 * leaves first, as whoever asked longest ago has most likely asked again or gone. Beyond the bounds the lane with the
 * largest share loses its oldest. Up to QUEUE_LANES clients share with nobody. Of more, those that find no free lane go
 * into one by a hash with a secret, so that nobody can choose whom to share with.
 *
 * A queue is there while something waits in it, and no longer: a socket that is never full costs a pointer. All loops over
 * lanes are short beside the system call that a datagram costs, and are run for full sockets only.
 */
#include "packets.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/** More clients than a node has pods (110 unless it is told otherwise), 8 KiB in all. */
#define QUEUE_LANES 256
/** A datagram takes a place besides its bytes, or many short ones would seem less than a single long one. */
#define PLACE_BYTES (QUEUE_BYTES / QUEUE_DATAGRAMS)

struct lane {
  uint64_t client;
  struct waiting *newest;
  struct waiting *oldest;
  /** Its bytes and places. */
  size_t share;
};

struct queue {
  uint64_t secret;
  uint32_t count;
  size_t bytes;
  /** The lane that may send next, if anything waits in it. */
  uint32_t turn;
  struct lane lanes[QUEUE_LANES];
};

static struct queue *create_queue(void) {
  struct queue *queue = calloc(1, sizeof *queue);
  if (!queue || getrandom(&queue->secret, sizeof queue->secret, GRND_NONBLOCK) == sizeof queue->secret) return queue;
  free(queue);
  return NULL;
}

/**
 * An IPv6 client is its /64, as one machine may use any address in it. An IPv4 client, mapped or not, stands where no
 * prefix is that is given to anybody (RFC 4291 section 4: 0000::/8). A connected socket has one peer.
 */
static uint64_t client_of(const struct address *address) {
  uint64_t client = 0;
  const struct in6_addr *v6 = &address->peer.v6.sin6_addr;
  if (address->peer_length == 0) return client;
  if (address->peer.any.sa_family == AF_INET) memcpy((uint8_t *)&client + 4, &address->peer.v4.sin_addr, 4);
  else if (IN6_IS_ADDR_V4MAPPED(v6)) memcpy((uint8_t *)&client + 4, v6->s6_addr + 12, 4);
  else memcpy(&client, v6->s6_addr, sizeof client);
  return client;
}

/** Each bit of the client and of the secret changes every bit of the result (the last steps of splitmix64). */
static uint32_t home_of(const struct queue *queue, uint64_t client) {
  uint64_t mixed = client ^ queue->secret;
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
  return (mixed ^ mixed >> 31) % QUEUE_LANES;
}

/** The client's own lane, else a free one, else the one that the hash says. */
static uint32_t lane_of(struct queue *queue, uint64_t client) {
  uint32_t home = home_of(queue, client);
  uint32_t vacant = QUEUE_LANES;
  for (uint32_t i = 0; i < QUEUE_LANES; i++) {
    uint32_t number = (home + i) % QUEUE_LANES;
    const struct lane *lane = &queue->lanes[number];
    if (lane->newest && lane->client == client) return number;
    if (!lane->newest && vacant == QUEUE_LANES) vacant = number;
  }
  if (vacant == QUEUE_LANES) return home;
  queue->lanes[vacant].client = client;
  return vacant;
}

static void put_in(struct queue *queue, struct waiting *waiting) {
  struct lane *lane = &queue->lanes[waiting->lane];
  waiting->newer = NULL;
  waiting->older = lane->newest;
  *(lane->newest ? &lane->newest->newer : &lane->oldest) = waiting;
  lane->newest = waiting;
  lane->share += waiting->length + PLACE_BYTES;
  queue->count++;
  queue->bytes += waiting->length;
}

static void take_out(struct queue *queue, struct waiting *waiting) {
  struct lane *lane = &queue->lanes[waiting->lane];
  *(waiting->newer ? &waiting->newer->older : &lane->newest) = waiting->older;
  *(waiting->older ? &waiting->older->newer : &lane->oldest) = waiting->newer;
  lane->share -= waiting->length + PLACE_BYTES;
  queue->count--;
  queue->bytes -= waiting->length;
}

static struct waiting *oldest_of_largest(struct queue *queue) {
  struct lane *largest = queue->lanes;
  for (struct lane *lane = queue->lanes; lane < queue->lanes + QUEUE_LANES; lane++)
    if (lane->share > largest->share) largest = lane;
  return largest->oldest;
}

static struct waiting *copy_of(const struct msghdr *message) {
  size_t length = message->msg_iov->iov_len;
  struct waiting *waiting = malloc(sizeof *waiting + length);
  if (!waiting) return NULL;
  memset(&waiting->address, 0, sizeof waiting->address);
  // The name is the first member of its address record.
  if (message->msg_name) waiting->address = *(struct address *)message->msg_name;
  waiting->length = (uint32_t)length;
  memcpy(waiting->bytes, message->msg_iov->iov_base, length);
  return waiting;
}

bool enqueue(struct port *port, struct endpoint *endpoint, const struct msghdr *message) {
  struct waiting *waiting = copy_of(message);
  if (waiting && !endpoint->queue) endpoint->queue = create_queue();
  struct queue *queue = endpoint->queue;
  if (!waiting || !queue) {
    free(waiting);
    port->statistics[LOST_QUEUE_FULL]++;
    return false;
  }
  waiting->lane = lane_of(queue, client_of(&waiting->address));
  put_in(queue, waiting);
  port->statistics[QUEUED]++;
  bool kept = true;
  while (queue->count > QUEUE_DATAGRAMS || queue->bytes > QUEUE_BYTES) {
    struct waiting *lost = oldest_of_largest(queue);
    if (lost == waiting) kept = false;
    take_out(queue, lost);
    free(lost);
    port->statistics[LOST_QUEUE_FULL]++;
  }
  return kept;
}

struct waiting *take_next(struct queue *queue) {
  if (queue->count == 0) return NULL;
  while (!queue->lanes[queue->turn].newest) queue->turn = (queue->turn + 1) % QUEUE_LANES;
  struct waiting *next = queue->lanes[queue->turn].newest;
  take_out(queue, next);
  queue->turn = (queue->turn + 1) % QUEUE_LANES;
  return next;
}

void put_back(struct queue *queue, struct waiting *waiting) {
  put_in(queue, waiting);
  queue->turn = waiting->lane;
}

void release_empty(struct endpoint *endpoint) {
  if (!endpoint->queue || endpoint->queue->count > 0) return;
  free(endpoint->queue);
  endpoint->queue = NULL;
}

void drop_waiting(struct port *port, struct endpoint *endpoint) {
  if (!endpoint->queue) return;
  for (struct waiting *next; (next = take_next(endpoint->queue)); free(next)) port->statistics[LOST_QUEUE_FULL]++;
  release_empty(endpoint);
}
