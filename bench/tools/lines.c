/*
 * The reader of a server's log: counts the lines that come through a FIFO, and adds up what the server says it has lost.
 *
 *   lines FIFO
 *
 * Prints "ready" when it has opened the FIFO, and for each SIGUSR1 {"lines":N,"said":M}: lines about queries so far, and
 * the sum of the counts in lines of the form "[WARNING] M log lines were lost". All other lines, up to a few, are passed
 * on to standard error, so that a failed start can be explained. SIGSTOP makes it a reader that does not read.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { ROOM = 1 << 16, PASSED_ON = 100 };

static volatile sig_atomic_t asked;

static void ask(int signal) {
  (void)signal;
  asked = 1;
}

static unsigned long long lines, said;

static void take_line(const char *line, size_t length) {
  static const char query[] = "[INFO] 127.0.0.1:", loss[] = "[WARNING] ", what[] = " log lines were lost";
  static int passed_on;
  if (length >= sizeof query - 1 && memcmp(line, query, sizeof query - 1) == 0) {
    lines++;
    return;
  }
  if (length > sizeof loss - 1 && memcmp(line, loss, sizeof loss - 1) == 0 &&
      memmem(line, length, what, sizeof what - 1) != NULL) said += strtoull(line + sizeof loss - 1, NULL, 10);
  if (passed_on++ < PASSED_ON) fprintf(stderr, "%.*s\n", (int)length, line);
}

int main(int argc, char **argv) {
  static char buffer[ROOM + 1];
  size_t used = 0;
  if (argc != 2) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  /* The signal comes in while we wait and at no other time, so none is overlooked. */
  sigset_t usr1, none;
  sigemptyset(&none);
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  sigaction(SIGUSR1, &(struct sigaction){.sa_handler = ask}, NULL);
  sigprocmask(SIG_BLOCK, &usr1, NULL);
  int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    perror(argv[1]);
    return 1;
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    ppoll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, NULL, &none);
    if (asked) {
      asked = 0;
      printf("{\"lines\":%llu,\"said\":%llu}\n", lines, said);
      fflush(stdout);
      continue;
    }
    ssize_t count = read(fd, buffer + used, ROOM - used);
    if (count <= 0) return 0;
    used += count;
    size_t from = 0;
    for (char *end; (end = memchr(buffer + from, '\n', used - from)) != NULL; from = end + 1 - buffer)
      take_line(buffer + from, end - (buffer + from));
    if (from == 0 && used == ROOM) from = used; /* no log line is as long as this */
    memmove(buffer, buffer + from, used - from);
    used -= from;
  }
}
