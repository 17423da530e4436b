/* Preloaded into a server: a sandbox that refuses the system call, or the socket's option, that REFUSED names. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int refuses(const char *what) {
  const char *name = getenv("REFUSED");
  if (name == NULL || strcmp(name, what) != 0) return 0;
  errno = EPERM;
  return 1;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t length) {
  static int (*real)(int, int, int, const void *, socklen_t);
  if (real == NULL) real = (int (*)(int, int, int, const void *, socklen_t))dlsym(RTLD_NEXT, "setsockopt");
  if (level == SOL_SOCKET && option == SO_ATTACH_REUSEPORT_CBPF && refuses("steering")) return -1;
  return real(fd, level, option, value, length);
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags, struct timespec *timeout) {
  static int (*real)(int, struct mmsghdr *, unsigned int, int, struct timespec *);
  if (real == NULL)
    real = (int (*)(int, struct mmsghdr *, unsigned int, int, struct timespec *))dlsym(RTLD_NEXT, "recvmmsg");
  return refuses("recvmmsg") ? -1 : real(fd, messages, count, flags, timeout);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags) {
  static int (*real)(int, struct mmsghdr *, unsigned int, int);
  if (real == NULL) real = (int (*)(int, struct mmsghdr *, unsigned int, int))dlsym(RTLD_NEXT, "sendmmsg");
  return refuses("sendmmsg") ? -1 : real(fd, messages, count, flags);
}
