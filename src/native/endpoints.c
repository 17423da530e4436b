/** The sockets of a port: their numbers, and connected ones that go from peer to peer. */
#include "packets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool grow(struct port *port) {
  uint32_t old = port->endpoint_capacity;
  uint32_t capacity = old ? old * 2 : 16;
  if (capacity > MAX_ENDPOINTS) return false;
  struct endpoint **endpoints = realloc(port->endpoints, capacity * sizeof *endpoints);
  if (endpoints) port->endpoints = endpoints;
  uint32_t *numbers = realloc(port->free_numbers, capacity * sizeof *numbers);
  if (numbers) port->free_numbers = numbers;
  if (!endpoints || !numbers) return false;
  memset(endpoints + old, 0, (capacity - old) * sizeof *endpoints);
  for (uint32_t number = capacity; number > old; number--) port->free_numbers[port->free_count++] = number - 1;
  port->endpoint_capacity = capacity;
  return true;
}

/** The inner epoll itself does not keep the event loop alive, only sockets in use do. */
static void update_reference(struct port *port) {
  if (!port->watcher) return;
  if (port->endpoint_count > 0) uv_ref((uv_handle_t *)&port->watcher->poll);
  else uv_unref((uv_handle_t *)&port->watcher->poll);
}

static int enter(struct port *port, struct endpoint *endpoint) {
  port->endpoints[endpoint->number] = endpoint;
  port->endpoint_count++;
  update_reference(port);
  return (int)endpoint->number;
}

static int add_endpoint(struct port *port, const struct endpoint *values) {
  if (port->free_count == 0 && !grow(port)) return -EMFILE;
  struct endpoint *endpoint = malloc(sizeof *endpoint);
  if (!endpoint) return -ENOMEM;
  *endpoint = *values;
  endpoint->first = -1;
  endpoint->serial = port->next_serial++;
  endpoint->number = port->free_numbers[port->free_count - 1];
  int error = watch(port, endpoint);
  if (error) {
    free(endpoint);
    return error;
  }
  port->free_count--;
  return enter(port, endpoint);
}

int port_add(struct port *port, int fd) {
  struct endpoint values = {.fd = fd, .kind = wants_local_address(fd) ? NAMED_WITH_LOCAL : NAMED};
  int number = add_endpoint(port, &values);
  if (number < 0) close(fd);
  return number;
}

/* ---- Connected sockets ---- */

static struct endpoint **idle_list(struct port *port, sa_family_t family) {
  return family == AF_INET ? &port->idle4 : &port->idle6;
}

static uint32_t *idle_count(struct port *port, sa_family_t family) {
  return family == AF_INET ? &port->idle4_count : &port->idle6_count;
}

static void dispose(struct port *port, struct endpoint *endpoint) {
  if (endpoint->fd >= 0) {
    unwatch(port, endpoint);
    close(endpoint->fd);
  }
  port->free_numbers[port->free_count++] = endpoint->number;
  free(endpoint);
}

static int connect_idle(struct port *port, const struct sockaddr_storage *to, int length) {
  struct endpoint **list = idle_list(port, to->ss_family);
  struct endpoint *endpoint = *list;
  *list = endpoint->next;
  --*idle_count(port, to->ss_family);
  // Its port was given up with its peer: the kernel draws another.
  if (connect(endpoint->fd, (const struct sockaddr *)to, (socklen_t)length) != 0) {
    int error = errno;
    dispose(port, endpoint);
    return -error;
  }
  return enter(port, endpoint);
}

int port_connect(struct port *port, const char *text, uint16_t number, const char *source, int receive_buffer) {
  struct sockaddr_storage to;
  int length = parse_address(text, number, &to);
  if (length < 0) return length;
  bool reusable = !source[0] && receive_buffer == 0;
  if (reusable && *idle_list(port, to.ss_family)) return connect_idle(port, &to, length);
  int fd = open_unconnected_udp(to.ss_family, source, receive_buffer);
  if (fd < 0) return fd;
  // Without a bound port the kernel draws one at random from ip_local_port_range.
  if (connect(fd, (struct sockaddr *)&to, (socklen_t)length) != 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  struct endpoint values = {.fd = fd, .kind = CONNECTED, .reusable = reusable, .family = to.ss_family};
  int result = add_endpoint(port, &values);
  if (result < 0) close(fd);
  return result;
}

/**
 * Takes a socket from its peer: its port is free at once and nothing comes in any more. What had come, datagrams and
 * errors, is not for the next one. Only sockets in the inner epoll, where they can stay, unheard.
 */
static bool disconnect(struct port *port, struct endpoint *endpoint) {
  if (!endpoint->reusable || port->epoll < 0 || endpoint->watching_writable || endpoint->resting) return false;
  struct sockaddr nobody = {.sa_family = AF_UNSPEC};
  if (connect(endpoint->fd, &nobody, sizeof nobody) != 0) return false;
  uint8_t byte;
  for (int i = 0; i < MAX_STALE; i++)
    if (recv(endpoint->fd, &byte, sizeof byte, MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
  return false;
}

/** A removed socket that no slot names any more waits for its next peer, or is gone and its number free. */
static void settle(struct port *port, struct endpoint *endpoint) {
  uint32_t *count = idle_count(port, endpoint->family);
  if (endpoint->fd < 0 || *count >= MAX_IDLE) {
    dispose(port, endpoint);
    return;
  }
  struct endpoint **list = idle_list(port, endpoint->family);
  endpoint->next = *list;
  *list = endpoint;
  ++*count;
}

void settle_retired(struct port *port) {
  while (port->retired) {
    struct endpoint *endpoint = port->retired;
    port->retired = endpoint->next;
    settle(port, endpoint);
  }
}

void port_remove(struct port *port, uint32_t number) {
  struct endpoint *endpoint = find_endpoint(port, number);
  if (!endpoint) return;
  drop_waiting(port, endpoint);
  endpoint->error = 0;
  port->endpoints[number] = NULL;
  port->endpoint_count--;
  if (!disconnect(port, endpoint)) {
    unwatch(port, endpoint);
    close(endpoint->fd);
    endpoint->fd = -1;
  }
  endpoint->next = port->retired;
  port->retired = endpoint;
  if (!port->in_batch) settle_retired(port);
  update_reference(port);
}

void close_endpoints(struct port *port) {
  for (uint32_t number = 0; number < port->endpoint_capacity; number++) port_remove(port, number);
  settle_retired(port);
  for (struct endpoint *endpoint; (endpoint = port->idle4 ? port->idle4 : port->idle6);) {
    *idle_list(port, endpoint->family) = endpoint->next;
    dispose(port, endpoint);
  }
}
