/** A port: the way of a received batch into JavaScript, and how its sockets are watched. See packets.ts. */
#include "packets.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static void on_ready(uv_poll_t *handle, int status, int events);
static void on_timer(uv_timer_t *timer);

/* ---- Receiving ---- */

/** recvmmsg shortens these fields, so they are put back after each use; all of them only when the kind of socket changes. */
static void prepare_slot(struct port *port, uint32_t slot) {
  struct msghdr *header = &port->in[slot].msg_hdr;
  header->msg_namelen = port->prepared >= NAMED ? sizeof(struct sockaddr_in6) : 0;
  header->msg_controllen = port->prepared == NAMED_WITH_LOCAL ? CONTROL_SIZE : 0;
}

static void prepare_slots(struct port *port, enum kind kind) {
  port->prepared = kind;
  for (uint32_t slot = 0; slot < port->slot_count; slot++) prepare_slot(port, slot);
}

/** Takes the address that was asked from the kernel's packet information and puts it in the form of the reply. */
static void read_local(struct msghdr *header, struct address *address) {
  for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control; control = CMSG_NXTHDR(header, control)) {
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(control), sizeof info);
      // The local address, which for a broadcast or multicast query is not the one in the packet. The interface stays 0:
      // replies follow the routing table, also where the way back is not the way in.
      memcpy(address->local, &info.ipi_spec_dst, 4);
      address->local_length = 4;
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo info;
      memcpy(&info, CMSG_DATA(control), sizeof info);
      // Nothing is sent from a multicast address; the kernel chooses one of ours.
      if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) continue;
      memcpy(address->local, &info.ipi6_addr, 16);
      address->local_length = 16;
      if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) address->interface = info.ipi6_ifindex;
    }
  }
}

/** Port 0 has the same place in both families. */
static bool can_be_answered(const struct address *address) { return address->peer.v4.sin_port != 0; }

/** A slot whose predecessor was dropped moves up, so that JavaScript sees no holes. Rare, hence the copy. */
static void move_slot(struct port *port, uint32_t from, uint32_t to) {
  memcpy(port->received + (size_t)to * port->stride, port->received + (size_t)from * port->stride, port->in[from].msg_len);
  port->addresses[to] = port->addresses[from];
}

/** Fills slots from `filled` on with what waits in this socket; returns how many slots are filled then. */
static uint32_t receive(struct port *port, struct endpoint *endpoint, uint32_t filled) {
  if (port->prepared != endpoint->kind) prepare_slots(port, endpoint->kind);
  uint32_t room = port->slot_count - filled;
  // MSG_TRUNC: the length of a datagram that a slot cuts is given as it was.
  int count = recvmmsg(endpoint->fd, port->in + filled, room, MSG_DONTWAIT | MSG_TRUNC, NULL);
  if (count < 0) {
    int error = errno;
    endpoint->drained = error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
    if (endpoint->drained) return filled;
    port->lengths[filled] = -error;
    port->numbers[filled] = (int32_t)endpoint->number;
    memset(&port->addresses[filled], 0, sizeof(struct address));
    return filled + 1;
  }
  endpoint->drained = (uint32_t)count < room;
  uint32_t end = filled + (uint32_t)count;
  for (uint32_t slot = filled, read = filled; read < end; read++) {
    struct msghdr *header = &port->in[read].msg_hdr;
    struct address *address = &port->addresses[read];
    // The kernel says how long the name would have been, also where none was asked for.
    address->peer_length = endpoint->kind == CONNECTED ? 0 : header->msg_namelen;
    address->local_length = 0;
    address->interface = 0;
    if (endpoint->kind == NAMED_WITH_LOCAL) read_local(header, address);
    bool truncated = header->msg_flags & MSG_TRUNC;
    prepare_slot(port, read);
    // Whoever is asked may answer with more than he was asked for; that he did is worth to be known.
    if (truncated && endpoint->kind != CONNECTED) {
      port->statistics[TRUNCATED]++;
      continue;
    }
    if (endpoint->kind != CONNECTED && !can_be_answered(address)) {
      port->statistics[UNANSWERABLE]++;
      continue;
    }
    if (slot != read) move_slot(port, read, slot);
    port->lengths[slot] = (int32_t)port->in[read].msg_len;
    port->numbers[slot] = (int32_t)endpoint->number;
    filled = ++slot;
  }
  port->statistics[RECEIVED] += count;
  return filled;
}

/** An exception in onBatch goes where any thrown in a callback goes: 'uncaughtException' of this thread. */
static void report_exception(napi_env env) {
  bool pending = false;
  napi_value exception;
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending) return;
  if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
}

/**
 * One batch: JavaScript is called, what it wants sent goes out, and then promise continuations run (on closing the
 * callback scope), in this order, since continuations write into the same arena.
 */
static void dispatch(struct port *port, uint32_t count) {
  napi_env env = port->environment->env;
  napi_handle_scope handles;
  napi_callback_scope callback;
  napi_value on_batch, receiver, argument, result;
  if (napi_open_handle_scope(env, &handles) != napi_ok) return;
  port->statistics[BATCHES]++;
  if (napi_get_global(env, &receiver) == napi_ok && napi_get_reference_value(env, port->on_batch, &on_batch) == napi_ok &&
      napi_create_uint32(env, count, &argument) == napi_ok &&
      napi_open_callback_scope(env, receiver, port->environment->context, &callback) == napi_ok) {
    int32_t send = 0;
    port->in_batch = true;
    if (napi_call_function(env, receiver, on_batch, 1, &argument, &result) != napi_ok) {
      report_exception(env);
    } else if (napi_get_value_int32(env, result, &send) == napi_ok && send > 0 && !port->closed) {
      send_descriptors(port, (uint32_t)send);
    }
    if (send < (int32_t)count) port->unanswered += count - (send > 0 ? (uint32_t)send : 0);
    port->in_batch = false;
    settle_retired(port);
    napi_close_callback_scope(env, callback);
  }
  napi_close_handle_scope(env, handles);
}

/**
 * Whether this thread can still run JavaScript. One that dies of an error goes on with its loop until the hooks run, and
 * what it took from a socket then would be lost; left there, its replacement answers it.
 */
static bool is_alive(struct port *port) {
  napi_env env = port->environment->env;
  napi_handle_scope handles;
  napi_value global;
  bool ignored, alive = false;
  if (napi_open_handle_scope(env, &handles) != napi_ok) return false;
  // Any call that may run JavaScript is refused when none can run.
  alive = napi_get_global(env, &global) == napi_ok && napi_has_element(env, global, 0, &ignored) == napi_ok;
  napi_close_handle_scope(env, handles);
  return alive;
}

/** Returns whether there may be more. */
static bool receive_direct(struct port *port) {
  struct endpoint *endpoint = port->direct;
  if (!endpoint || !is_alive(port)) return false;
  uint32_t filled = receive(port, endpoint, 0);
  bool more = !endpoint->drained;
  if (filled > 0) dispatch(port, filled);
  return more;
}

/** Called by JavaScript, outside of a batch. Who sends without end is not waited for. */
void port_drain(struct port *port, uint32_t number) {
  for (int round = 0; round < MAX_ROUNDS && !port->closed && !port->in_batch; round++) {
    struct endpoint *endpoint = find_endpoint(port, number);
    uint32_t filled = endpoint && endpoint->kind != CONNECTED ? receive(port, endpoint, 0) : 0;
    if (filled == 0) return;
    dispatch(port, filled);
  }
}

/** The socket that an event speaks of, or none when it was removed since the event was fetched. */
static struct endpoint *endpoint_of(struct port *port, const struct epoll_event *event) {
  struct endpoint *endpoint = find_endpoint(port, (uint32_t)event->data.u64);
  return endpoint && endpoint->serial == event->data.u64 >> 32 ? endpoint : NULL;
}

/** One look at all sockets, with as few calls into JavaScript as the slots allow. Returns whether there may be more. */
static bool receive_all(struct port *port) {
  struct epoll_event events[MAX_EVENTS];
  if (!is_alive(port)) return false;
  int count = epoll_wait(port->epoll, events, MAX_EVENTS, 0);
  bool more = count == MAX_EVENTS;
  uint32_t filled = 0;
  for (int i = 0; i < count; i++) {
    if (filled == port->slot_count) {
      dispatch(port, filled);
      if (port->closed) return false;
      filled = 0;
    }
    struct endpoint *endpoint = endpoint_of(port, &events[i]);
    if (!endpoint) continue;
    if (events[i].events & EPOLLOUT) flush_waiting(port, endpoint);
    if (!(events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))) continue;
    filled = receive(port, endpoint, filled);
    if (!endpoint->drained) more = true;
  }
  if (filled > 0) dispatch(port, filled);
  return more;
}

static void on_ready(uv_poll_t *handle, int status, int events) {
  struct port *port = ((struct watcher *)handle)->port;
  if (port->closed) return;
  // libuv stops a poll whose socket has an error waiting. Reading below fetches the error, then the watch goes on.
  if (status < 0) {
    events = UV_READABLE;
    if (port->direct) watch_writable(port, port->direct, port->direct->watching_writable);
  }
  if (events & UV_WRITABLE && port->direct) flush_waiting(port, port->direct);
  if (!(events & UV_READABLE)) return;
  port->in_turn = true;
  // Whoever is sending on this CPU may go on first: a batch of many costs less than many batches. On an idle CPU, nothing.
  sched_yield();
  port->unanswered = 0;
  bool more = true;
  for (int round = 0; more && round < MAX_ROUNDS && port->unanswered < MAX_UNANSWERED && !port->closed; round++)
    more = port->epoll < 0 ? receive_direct(port) : receive_all(port);
  port->in_turn = false;
  if (port->direct) watch_again(port, port->direct);
}

/* ---- Watching ---- */

static void release_port(struct port *port) {
  if (--port->open_handles > 0) return;
  struct environment *environment = port->environment;
  free(port->endpoints);
  free(port->free_numbers);
  free(port->in);
  free(port->in_parts);
  free(port->in_control);
  free(port->out);
  free(port->out_parts);
  free(port->out_control);
  free(port->next);
  free(port->groups);
  free(port);
  environment->alive--;
  if (environment->ending && environment->alive == 0) {
    napi_remove_async_cleanup_hook(environment->cleanup);
    free(environment);
  }
}

static void on_watcher_closed(uv_handle_t *handle) {
  struct watcher *watcher = (struct watcher *)handle;
  struct port *port = watcher->port;
  free(watcher);
  release_port(port);
}

static void on_timer_closed(uv_handle_t *handle) { release_port(handle->data); }

static void stop_watcher(struct port *port) {
  if (!port->watcher) return;
  uv_close((uv_handle_t *)&port->watcher->poll, on_watcher_closed);
  port->watcher = NULL;
}

/** Watches another descriptor than before. On failure everything stays as it was. */
static int start_watcher(struct port *port, int fd) {
  struct watcher *watcher = malloc(sizeof *watcher);
  if (!watcher) return -ENOMEM;
  int error = uv_poll_init(port->environment->loop, &watcher->poll, fd);
  if (error) {
    free(watcher);
    return error;
  }
  watcher->port = port;
  port->open_handles++;
  error = uv_poll_start(&watcher->poll, UV_READABLE, on_ready);
  if (error) {
    uv_close((uv_handle_t *)&watcher->poll, on_watcher_closed);
    return error;
  }
  stop_watcher(port);
  port->watcher = watcher;
  return 0;
}

static int control_epoll(struct port *port, int operation, struct endpoint *endpoint) {
  struct epoll_event event = {.events = EPOLLIN | (endpoint->watching_writable ? EPOLLOUT : 0),
                              .data.u64 = (uint64_t)endpoint->serial << 32 | endpoint->number};
  return epoll_ctl(port->epoll, operation, endpoint->fd, &event) == 0 ? 0 : -errno;
}

static int poll_direct(struct port *port, struct endpoint *endpoint) {
  return uv_poll_start(&port->watcher->poll, UV_READABLE | (endpoint->watching_writable ? UV_WRITABLE : 0), on_ready);
}

void rest(struct port *port, struct endpoint *endpoint) {
  if (endpoint->resting) return;
  endpoint->resting = true;
  if (port->epoll >= 0) control_epoll(port, EPOLL_CTL_DEL, endpoint);
  else uv_poll_stop(&port->watcher->poll);
}

/** A socket polled directly rests until the end of the turn: what comes meanwhile is read in the next round anyway. */
void watch_again(struct port *port, struct endpoint *endpoint) {
  if (!endpoint->resting || (port->in_turn && endpoint == port->direct)) return;
  endpoint->resting = false;
  int error = port->epoll >= 0 ? control_epoll(port, EPOLL_CTL_ADD, endpoint) : poll_direct(port, endpoint);
  if (!error) return;
  // No memory for the watch. A socket that nobody watches would be deaf for good.
  endpoint->resting = true;
  wake_later(port, RETRY_MS);
}

int watch_writable(struct port *port, struct endpoint *endpoint, bool wanted) {
  endpoint->watching_writable = wanted;
  if (endpoint->resting) return 0;
  int error = port->epoll >= 0 ? control_epoll(port, EPOLL_CTL_MOD, endpoint) : poll_direct(port, endpoint);
  if (error) endpoint->watching_writable = false;
  return error;
}

/** From one socket to several: an epoll of our own takes over. It stays, for sockets come and go. */
static int use_epoll(struct port *port) {
  int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) return -errno;
  port->epoll = fd;
  int error = control_epoll(port, EPOLL_CTL_ADD, port->direct);
  if (!error) error = start_watcher(port, fd);
  if (error) {
    port->epoll = -1;
    close(fd);
    return error;
  }
  port->direct->resting = false;
  port->direct = NULL;
  return 0;
}

int watch(struct port *port, struct endpoint *endpoint) {
  if (port->epoll < 0 && !port->direct) {
    int error = start_watcher(port, endpoint->fd);
    if (!error) port->direct = endpoint;
    return error;
  }
  int error = port->epoll < 0 ? use_epoll(port) : 0;
  return error ? error : control_epoll(port, EPOLL_CTL_ADD, endpoint);
}

void unwatch(struct port *port, struct endpoint *endpoint) {
  if (port->epoll >= 0) {
    control_epoll(port, EPOLL_CTL_DEL, endpoint);
  } else if (port->direct == endpoint) {
    stop_watcher(port);
    port->direct = NULL;
  }
}

void wake_later(struct port *port, uint64_t delay_ms) {
  if (port->closed) return;
  // An earlier call for sooner stands; uv_timer_start would move it.
  if (uv_is_active((uv_handle_t *)&port->timer) && uv_timer_get_due_in(&port->timer) <= delay_ms) return;
  uv_timer_start(&port->timer, on_timer, delay_ms, 0);
}

/** Second tries after ENOBUFS, and failures of connected sockets that JavaScript has not heard of yet. */
static void on_timer(uv_timer_t *timer) {
  struct port *port = timer->data;
  uint32_t filled = 0;
  for (uint32_t number = 0; !port->closed && number < port->endpoint_capacity; number++) {
    struct endpoint *endpoint = port->endpoints[number];
    if (!endpoint) continue;
    watch_again(port, endpoint);
    if (endpoint->queue && !endpoint->watching_writable) flush_waiting(port, endpoint);
    if (!endpoint->error) continue;
    port->lengths[filled] = -endpoint->error;
    port->numbers[filled] = (int32_t)number;
    memset(&port->addresses[filled], 0, sizeof(struct address));
    endpoint->error = 0;
    if (++filled < port->slot_count) continue;
    dispatch(port, filled);
    filled = 0;
  }
  if (filled > 0 && !port->closed) dispatch(port, filled);
}

/* ---- Opening and closing ---- */

/**
 * Runs at once for everything but the libuv handles, which the loop gives back later, and the port's memory with them.
 * In the thread's end (an environment's clean-up) node runs the loop until they are back.
 */
void port_close(struct port *port) {
  if (port->closed) return;
  close_endpoints(port);
  port->closed = true;
  stop_watcher(port);
  if (port->epoll >= 0) close(port->epoll);
  uv_close((uv_handle_t *)&port->timer, on_timer_closed);
  port->environment->ports[port->id] = NULL;
  napi_delete_reference(port->environment->env, port->on_batch);
  napi_delete_reference(port->environment->env, port->buffers);
}

static bool allocate_messages(struct port *port) {
  uint32_t slots = port->slot_count;
  uint32_t descriptors = port->descriptor_count;
  port->in = calloc(slots, sizeof *port->in);
  port->in_parts = calloc(slots, sizeof *port->in_parts);
  port->in_control = calloc(slots, sizeof *port->in_control);
  port->out = calloc(descriptors, sizeof *port->out);
  port->out_parts = calloc(descriptors, sizeof *port->out_parts);
  port->out_control = calloc(descriptors, sizeof *port->out_control);
  port->next = calloc(descriptors, sizeof *port->next);
  port->groups = calloc(descriptors, sizeof *port->groups);
  if (!port->in || !port->in_parts || !port->in_control) return false;
  if (!port->out || !port->out_parts || !port->out_control || !port->next || !port->groups) return false;
  for (uint32_t i = 0; i < slots; i++) {
    port->in_parts[i] = (struct iovec){.iov_base = port->received + (size_t)i * port->stride, .iov_len = port->slot_size};
    port->in[i].msg_hdr = (struct msghdr){.msg_name = &port->addresses[i].peer,
                                          .msg_iov = &port->in_parts[i],
                                          .msg_iovlen = 1,
                                          .msg_control = port->in_control[i]};
  }
  for (uint32_t i = 0; i < descriptors; i++)
    port->out[i].msg_hdr = (struct msghdr){.msg_iov = &port->out_parts[i], .msg_iovlen = 1};
  return true;
}

/** The sizes of all buffers agree with each other, so that no index JavaScript gives later can leave them unnoticed. */
static bool fits(const struct port_buffers *b, uint32_t slot_size, uint32_t stride) {
  if (b->slot_count < 1 || b->slot_count > 1024 || slot_size < 1 || slot_size > 65535 || stride < slot_size) return false;
  if (b->received_size < b->slot_count * (size_t)stride) return false;
  if (b->addresses_size < 2 * b->slot_count * sizeof(struct address)) return false;
  if ((uintptr_t)b->addresses % 8 != 0) return false;
  if (b->descriptor_words < DESCRIPTOR_WORDS || b->descriptor_words > 4096 * DESCRIPTOR_WORDS) return false;
  return b->sending_size <= INT32_MAX && b->statistics_count >= PACKET_COUNTERS;
}

static int free_port_id(struct environment *environment) {
  for (int id = 0; id < MAX_PORTS; id++)
    if (!environment->ports[id]) return id;
  return -EMFILE;
}

int port_open(struct environment *environment, const struct port_buffers *buffers, uint32_t slot_size, uint32_t stride,
              napi_value on_batch, napi_value keep, struct port **result) {
  if (!fits(buffers, slot_size, stride)) return -EINVAL;
  int id = free_port_id(environment);
  if (id < 0) return id;
  struct port *port = calloc(1, sizeof *port);
  if (!port) return -ENOMEM;
  port->environment = environment;
  port->id = (uint32_t)id;
  port->epoll = -1;
  port->received = buffers->received;
  port->lengths = buffers->lengths;
  port->numbers = buffers->numbers;
  port->addresses = (struct address *)buffers->addresses;
  port->sending = buffers->sending;
  port->descriptors = buffers->descriptors;
  port->statistics = buffers->statistics;
  port->slot_count = (uint32_t)buffers->slot_count;
  port->slot_size = slot_size;
  port->stride = stride;
  port->descriptor_count = (uint32_t)(buffers->descriptor_words / DESCRIPTOR_WORDS);
  port->sending_size = buffers->sending_size;
  environment->alive++;
  environment->ports[id] = port;
  // From here on port_close gives everything back.
  uv_timer_init(environment->loop, &port->timer);
  port->timer.data = port;
  port->open_handles = 1;
  bool ready = allocate_messages(port);
  ready = ready && napi_create_reference(environment->env, on_batch, 1, &port->on_batch) == napi_ok;
  ready = ready && napi_create_reference(environment->env, keep, 1, &port->buffers) == napi_ok;
  if (!ready) {
    port_close(port);
    return -ENOMEM;
  }
  *result = port;
  return 0;
}
