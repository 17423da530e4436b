/*
 * The responder over TCP: a thread waits in epoll for its connections, reads once what one of them has, and answers all whole
 * messages in it with one write. Included by responder.h.
 */
#ifndef RESPONDER_STREAM_H
#define RESPONDER_STREAM_H

#include <netinet/tcp.h>
#include <sys/epoll.h>

enum {
  STREAM_BACKLOG = 512,
  STREAM_EVENTS = 64,
  STREAM_IN = 1 << 16,
  STREAM_OUT = 1 << 18,
};

struct connection {
  int fd;
  size_t used;
  unsigned char in[STREAM_IN];
};

/* Waits when the kernel's buffer is full: the loads of the benchmark always read. */
static int stream_write(int fd, const unsigned char *bytes, size_t length) {
  for (size_t sent = 0; sent < length;) {
    ssize_t n = send(fd, bytes + sent, length - sent, MSG_NOSIGNAL);
    if (n <= 0) return 0;
    sent += n;
  }
  return 1;
}

/* Answers what has come; returns 0 when the connection is over. */
static int stream_serve(struct connection *connection, answer_function *answer) {
  static _Thread_local unsigned char out[STREAM_OUT];
  ssize_t got = recv(connection->fd, connection->in + connection->used, STREAM_IN - connection->used, 0);
  if (got <= 0) return 0;
  connection->used += got;
  size_t from = 0, used = 0, answers = 0;
  while (connection->used - from >= 2) {
    unsigned char *message = connection->in + from;
    size_t length = (message[0] << 8) | message[1];
    if (length > ROOM) return 0;
    if (connection->used - from < 2 + length) break;
    from += 2 + length;
    if (used + 2 + ROOM > STREAM_OUT) {
      if (!stream_write(connection->fd, out, used)) return 0;
      used = 0;
    }
    memcpy(out + used + 2, message + 2, length);
    size_t reply = responder_answer(answer, out + used + 2, length);
    if (reply == 0) continue;
    out[used] = reply >> 8;
    out[used + 1] = reply;
    used += 2 + reply;
    answers++;
  }
  atomic_fetch_add_explicit(&responder_count, answers, memory_order_relaxed);
  connection->used -= from;
  memmove(connection->in, connection->in + from, connection->used);
  return stream_write(connection->fd, out, used);
}

static void stream_accept(int epoll, int listener) {
  struct connection *connection = calloc(1, sizeof *connection);
  int on = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (connection == NULL || fd < 0) {
    free(connection);
    return;
  }
  connection->fd = fd;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = connection});
}

static void stream_loop(int listener, answer_function *answer) {
  static _Thread_local struct epoll_event events[STREAM_EVENTS];
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.ptr = NULL});
  for (;;) {
    int count = epoll_wait(epoll, events, STREAM_EVENTS, -1);
    for (int i = 0; i < count; i++) {
      struct connection *connection = events[i].data.ptr;
      if (connection == NULL) stream_accept(epoll, listener);
      else if (!stream_serve(connection, answer)) {
        close(connection->fd);
        free(connection);
      }
    }
  }
}

#endif
