/*
 * A responder that does nothing but move messages in batches: the smallest program that can stand where a DNS server
 * stands. floor.c and upstream.c differ only in what they write into the packet.
 *
 *   PROGRAM --port N [--workers N] [--size BYTES]      BYTES: of each reply, filled up with zeros
 *
 * Each worker is a thread with a socket of its own in one SO_REUSEPORT group. A worker waits in recvmmsg until there is
 * one datagram, takes what else is queued up to BATCH, and answers with one sendmmsg. As many threads more do the same
 * over TCP (responder-stream.h). For each SIGUSR1 it prints how many messages it has answered.
 */
#ifndef RESPONDER_H
#define RESPONDER_H

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  BATCH = 64,             /* the same as the server's, so that the system calls cost the same */
  ROOM = 4096,            /* of one slot; longer messages are cut, and no load sends them */
  RECEIVE_BUFFER = 4 << 20, /* the same as the server's, so that both lose packets at the same backlog */
  MAX_WORKERS = 64,
};

/* Turns the query in `packet` into its reply and returns the reply's length; 0 leaves the query unanswered. */
typedef size_t answer_function(unsigned char *packet, size_t length);

static size_t responder_size;
static atomic_ullong responder_count;

/* The reply in the place of the query, as long as --size wants it. */
static inline size_t responder_answer(answer_function *answer, unsigned char *packet, size_t length) {
  length = answer(packet, length);
  if (length == 0 || length >= responder_size) return length;
  memset(packet + length, 0, responder_size - length);
  return responder_size;
}

#include "responder-stream.h"

static int responder_socket(int type, int port) {
  int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  int on = 1, size = RECEIVE_BUFFER;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0 ||
      setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) < 0 ||
      bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
      (type == SOCK_STREAM && listen(fd, STREAM_BACKLOG) < 0)) {
    perror("responder: socket");
    exit(1);
  }
  return fd;
}

/* Sends all of them. What the kernel refuses is left out, as a server would: its client asks again. */
static void responder_send(int fd, struct mmsghdr *messages, int count) {
  for (int sent = 0; sent < count;) {
    int n = sendmmsg(fd, messages + sent, count - sent, 0);
    sent += n > 0 ? n : 1;
  }
}

static void responder_loop(int fd, answer_function *answer) {
  static _Thread_local unsigned char packets[BATCH][ROOM];
  static _Thread_local struct sockaddr_storage peers[BATCH];
  static _Thread_local struct iovec in[BATCH], out[BATCH];
  static _Thread_local struct mmsghdr received[BATCH], replies[BATCH];

  for (int i = 0; i < BATCH; i++) {
    in[i] = (struct iovec){packets[i], ROOM};
    received[i].msg_hdr = (struct msghdr){.msg_name = &peers[i], .msg_iov = &in[i], .msg_iovlen = 1};
  }
  for (;;) {
    for (int i = 0; i < BATCH; i++) received[i].msg_hdr.msg_namelen = sizeof peers[i];
    int count = recvmmsg(fd, received, BATCH, MSG_WAITFORONE, NULL);
    if (count < 0 && errno != EINTR) {
      perror("responder: recvmmsg");
      exit(1);
    }
    int answers = 0;
    for (int i = 0; i < count; i++) {
      size_t length = responder_answer(answer, packets[i], received[i].msg_len);
      if (length == 0) continue;
      out[answers] = (struct iovec){packets[i], length};
      replies[answers].msg_hdr = (struct msghdr){.msg_name = &peers[i],
                                                 .msg_namelen = received[i].msg_hdr.msg_namelen,
                                                 .msg_iov = &out[answers],
                                                 .msg_iovlen = 1};
      answers++;
    }
    responder_send(fd, replies, answers);
    atomic_fetch_add_explicit(&responder_count, answers, memory_order_relaxed);
  }
}

struct responder_worker {
  int fd;
  answer_function *answer;
  void (*loop)(int fd, answer_function *answer);
};

static void *responder_thread(void *argument) {
  struct responder_worker *worker = argument;
  worker->loop(worker->fd, worker->answer);
  return NULL;
}

static int responder_main(int argc, char **argv, answer_function *answer) {
  static const struct option options[] = {
      {"port", required_argument, NULL, 'p'}, {"workers", required_argument, NULL, 'w'},
      {"size", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
  static struct responder_worker workers[2 * MAX_WORKERS];
  int port = 0, count = 1;

  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (option == 'p') port = atoi(optarg);
    else if (option == 'w') count = atoi(optarg);
    else if (option == 's') responder_size = strtoul(optarg, NULL, 10);
    else return 2;
  }
  if (port < 1 || port > 65535 || count < 1 || count > MAX_WORKERS || responder_size > ROOM) {
    fprintf(stderr, "usage: %s --port N [--workers N] [--size BYTES]\n", argv[0]);
    return 2;
  }
  for (int i = 0; i < count; i++) {
    workers[i] = (struct responder_worker){responder_socket(SOCK_DGRAM, port), answer, responder_loop};
    workers[count + i] = (struct responder_worker){responder_socket(SOCK_STREAM, port), answer, stream_loop};
  }
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &usr1, NULL); /* the workers inherit it */
  for (int i = 0; i < 2 * count; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, responder_thread, &workers[i]) != 0) return 1;
  }
  for (int signal; sigwait(&usr1, &signal) == 0;) {
    printf("%llu\n", atomic_load(&responder_count));
    fflush(stdout);
  }
  return 1;
}

#endif
