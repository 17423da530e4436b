/*
 * DNS over one TCP connection, many messages at a time: each with its length before it (RFC 1035 section 4.2.2). What the
 * kernel does not take at once stays in `out` and goes first the next time; what has come in part stays in `in`.
 */
#ifndef STREAM_H
#define STREAM_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
  STREAM_IN = 1 << 18,  /* several of the largest messages, so that one read takes what a server sent in one write */
  STREAM_OUT = 1 << 16,
};

struct stream {
  unsigned char *in, *out;
  size_t in_from, in_end, out_from, out_end;
};

/* For a connected socket; a stream that was open before begins anew. */
static bool stream_open(struct stream *stream, int fd) {
  int on = 1;
  if (stream->in == NULL) *stream = (struct stream){.in = malloc(STREAM_IN), .out = malloc(STREAM_OUT)};
  if (stream->in == NULL || stream->out == NULL) return false;
  stream->in_from = stream->in_end = stream->out_from = stream->out_end = 0;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) return false;
  return fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

static void stream_flush(struct stream *stream, int fd) {
  ssize_t sent = send(fd, stream->out + stream->out_from, stream->out_end - stream->out_from, MSG_NOSIGNAL);
  if (sent > 0) stream->out_from += sent;
  if (stream->out_from == stream->out_end) stream->out_from = stream->out_end = 0;
}

/* Returns how many messages it has taken; none while earlier ones wait. A dead connection is seen by reading. */
static int stream_send(struct stream *stream, int fd, const struct iovec *messages, int count) {
  if (stream->out_end > 0) stream_flush(stream, fd);
  if (stream->out_end > 0) return 0;
  int taken = 0;
  for (; taken < count; taken++) {
    size_t length = messages[taken].iov_len;
    if (stream->out_end + 2 + length > STREAM_OUT) break;
    stream->out[stream->out_end++] = length >> 8;
    stream->out[stream->out_end++] = length;
    memcpy(stream->out + stream->out_end, messages[taken].iov_base, length);
    stream->out_end += length;
  }
  stream_flush(stream, fd);
  return taken;
}

/* Reads once; false when the other side has closed the connection. */
static bool stream_receive(struct stream *stream, int fd) {
  if (stream->out_end > 0) stream_flush(stream, fd);
  memmove(stream->in, stream->in + stream->in_from, stream->in_end - stream->in_from);
  stream->in_end -= stream->in_from;
  stream->in_from = 0;
  ssize_t got = recv(fd, stream->in + stream->in_end, STREAM_IN - stream->in_end, MSG_DONTWAIT);
  if (got > 0) stream->in_end += got;
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* The next whole message, or NULL. */
static const unsigned char *stream_next(struct stream *stream, size_t *length) {
  const unsigned char *at = stream->in + stream->in_from;
  size_t left = stream->in_end - stream->in_from;
  if (left < 2) return NULL;
  *length = (at[0] << 8) | at[1];
  if (left < 2 + *length) return NULL;
  stream->in_from += 2 + *length;
  return at + 2;
}

#endif
