/**
 * Datagrams out: descriptors grouped into one sendmmsg a socket, every answer of the kernel handled, what a full socket
 * does not take kept in its queue and sent when there is room. A bad entry never costs the others.
 */
#include "packets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/**
 * Puts the address that was asked into a control message, so that the reply leaves from it. The length is given without
 * the padding at its end: 36 bytes, what IPv6 then needs, is what the kernel takes without allocating memory for it.
 */
static size_t write_local(const struct address *address, uint8_t *control) {
  struct cmsghdr *header = (struct cmsghdr *)control;
  if (address->local_length == 4) {
    struct in_pktinfo info = {.ipi_ifindex = (int)address->interface};
    memcpy(&info.ipi_spec_dst, address->local, 4);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO};
    memcpy(CMSG_DATA(header), &info, sizeof info);
    return CMSG_LEN(sizeof info);
  }
  struct in6_pktinfo info = {.ipi6_ifindex = address->interface};
  memcpy(&info.ipi6_addr, address->local, 16);
  *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO};
  memcpy(CMSG_DATA(header), &info, sizeof info);
  return CMSG_LEN(sizeof info);
}

/** `address` is NULL on a connected socket. */
static void set_message(struct port *port, uint32_t index, struct address *address, uint8_t *bytes, uint32_t length) {
  struct msghdr *header = &port->out[index].msg_hdr;
  port->out_parts[index] = (struct iovec){.iov_base = bytes, .iov_len = length};
  header->msg_name = address ? &address->peer : NULL;
  header->msg_namelen = address ? address->peer_length : 0;
  header->msg_controllen = address && address->local_length ? write_local(address, port->out_control[index]) : 0;
  header->msg_control = header->msg_controllen ? port->out_control[index] : NULL;
}

static void count_loss(struct port *port, int error) {
  switch (error) {
    case EMSGSIZE:
      port->statistics[LOST_TOO_LARGE]++;
      break;
    case EPERM:
    case EACCES:
      port->statistics[LOST_FORBIDDEN]++;
      break;
    case ECONNREFUSED:
      port->statistics[LOST_REFUSED]++;
      break;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
      port->statistics[LOST_UNREACHABLE]++;
      break;
    default:
      port->statistics[LOST_OTHER]++;
  }
}

/** The sender of a connected socket's queries waits for an answer; it is told that there will be none. */
static void tell(struct port *port, struct endpoint *endpoint, int error) {
  if (endpoint->kind != CONNECTED) return;
  endpoint->error = error;
  wake_later(port, 0);
}

/**
 * Sends messages 0 to count-1 of `out`. Returns how many are done with, sent or lost; fewer than `count` when the kernel
 * takes no more now, for the reason in `full`: EAGAIN (wait until writable) or ENOBUFS (try again later).
 */
static uint32_t transmit(struct port *port, struct endpoint *endpoint, uint32_t count, int *full) {
  uint32_t done = 0;
  bool second_try = false;
  while (done < count) {
    int sent = sendmmsg(endpoint->fd, port->out + done, count - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      done += (uint32_t)sent;
      port->statistics[SENT] += sent;
      second_try = false;
      continue;
    }
    int error = errno;
    if (error == EINTR) continue;
    if (error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM) {
      *full = error == EAGAIN || error == EWOULDBLOCK ? EAGAIN : ENOBUFS;
      return done;
    }
    tell(port, endpoint, error);
    // On a connected socket this may be the echo of an earlier datagram, which asking fetched; this one has not been
    // tried yet. The second failure is its own.
    if (endpoint->kind == CONNECTED && !second_try) {
      second_try = true;
      continue;
    }
    count_loss(port, error);
    done++;
    second_try = false;
  }
  return done;
}

static void wait_for_room(struct port *port, struct endpoint *endpoint, int full) {
  if (full == EAGAIN && (endpoint->watching_writable || watch_writable(port, endpoint, true) == 0)) return;
  wake_later(port, RETRY_MS);
}

/** Takes the next in turn while a batch has room, and keeps them in a list from the last to the first. */
static uint32_t take_batch(struct port *port, struct queue *queue, struct waiting **taken) {
  uint32_t count = 0;
  for (struct waiting *next; count < port->descriptor_count && (next = take_next(queue)); *taken = next) {
    next->older = *taken;
    set_message(port, count++, next->address.peer_length ? &next->address : NULL, next->bytes, next->length);
  }
  return count;
}

void flush_waiting(struct port *port, struct endpoint *endpoint) {
  while (endpoint->queue) {
    struct waiting *taken = NULL;
    uint32_t count = take_batch(port, endpoint->queue, &taken);
    int full = 0;
    uint32_t done = transmit(port, endpoint, count, &full);
    for (uint32_t left = count; left > 0; left--) {
      struct waiting *last = taken;
      taken = last->older;
      if (left > done) put_back(endpoint->queue, last);
      else free(last);
    }
    release_empty(endpoint);
    if (done < count) {
      // The socket is full again. It may have come here by the timer.
      if (full == ENOBUFS && endpoint->watching_writable) watch_writable(port, endpoint, false);
      wait_for_room(port, endpoint, full);
      return;
    }
  }
  if (endpoint->watching_writable) watch_writable(port, endpoint, false);
}

/** The socket of a descriptor, or NULL when it points anywhere outside the port's sockets and buffers. */
static struct endpoint *check_descriptor(struct port *port, const int32_t *descriptor) {
  struct endpoint *endpoint = find_endpoint(port, descriptor[DESCRIPTOR_SOCKET]);
  int64_t offset = descriptor[DESCRIPTOR_OFFSET];
  int64_t length = descriptor[DESCRIPTOR_LENGTH];
  int64_t address = descriptor[DESCRIPTOR_ADDRESS];
  if (!endpoint || offset < 0 || length < 0 || offset + length > (int64_t)port->sending_size) return NULL;
  if (endpoint->kind == CONNECTED) return address == -1 ? endpoint : NULL;
  if (address < 0 || address >= 2 * (int64_t)port->slot_count) return NULL;
  const struct address *record = &port->addresses[address];
  return record->peer_length > 0 && record->peer_length <= sizeof record->peer ? endpoint : NULL;
}

/** Returns as `transmit` does; for what is left room is waited for. */
static uint32_t send_now(struct port *port, struct endpoint *endpoint, uint32_t count) {
  int full = 0;
  if (count >= REST_FROM) rest(port, endpoint);
  uint32_t done = transmit(port, endpoint, count, &full);
  watch_again(port, endpoint);
  if (done < count) wait_for_room(port, endpoint, full);
  return done;
}

static uint32_t send_group(struct port *port, struct endpoint *endpoint) {
  uint32_t count = 0;
  for (int32_t i = endpoint->first; i >= 0; i = port->next[i]) {
    const int32_t *descriptor = port->descriptors + (size_t)i * DESCRIPTOR_WORDS;
    int32_t address = descriptor[DESCRIPTOR_ADDRESS];
    set_message(port, count++, address < 0 ? NULL : &port->addresses[address],
                port->sending + descriptor[DESCRIPTOR_OFFSET], (uint32_t)descriptor[DESCRIPTOR_LENGTH]);
  }
  double sent_before = port->statistics[SENT];
  // What waits leaves first, when there is room or the timer ends: else who sends most would take the room that comes.
  uint32_t done = endpoint->queue ? 0 : send_now(port, endpoint, count);
  uint32_t kept = 0;
  for (uint32_t i = done; i < count; i++) kept += enqueue(port, endpoint, &port->out[i].msg_hdr);
  return (uint32_t)(port->statistics[SENT] - sent_before) + kept;
}

/**
 * Groups by socket, whatever the order JavaScript wrote them in: a list of descriptors hangs on each socket, and the
 * sockets that have one are found again by the first descriptor of each.
 */
uint32_t send_descriptors(struct port *port, uint32_t count) {
  if (count > port->descriptor_count) count = port->descriptor_count;
  uint32_t sent = 0;
  uint32_t groups = 0;
  for (uint32_t i = 0; i < count; i++) {
    struct endpoint *endpoint = check_descriptor(port, port->descriptors + (size_t)i * DESCRIPTOR_WORDS);
    if (!endpoint) {
      port->statistics[LOST_OTHER]++;
      continue;
    }
    port->next[i] = -1;
    if (endpoint->first >= 0) {
      port->next[endpoint->last] = (int32_t)i;
    } else {
      endpoint->first = (int32_t)i;
      port->groups[groups++] = endpoint;
    }
    endpoint->last = (int32_t)i;
  }
  for (uint32_t i = 0; i < groups; i++) {
    sent += send_group(port, port->groups[i]);
    port->groups[i]->first = -1;
  }
  return sent;
}
