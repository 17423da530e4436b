/*
 * Preloaded into a Node process: makes sendmmsg fail the way a kernel would, as the datagrams themselves ask for it.
 * One that starts with "!EPERM2" fails twice with that error and is then sent; 9 stands for always. "!FULL2" makes the
 * next 20 calls find the socket full. Like the kernel's, a call that has sent something returns how much, and the next
 * one begins with the error.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static int full_calls;

static int error_of(const char *name) {
  static const struct {
    const char *name;
    int error;
  } errors[] = {{"EPERM", EPERM},   {"EAGAIN", EAGAIN},           {"ENOBUFS", ENOBUFS}, {"EINTR", EINTR},
                {"EINVAL", EINVAL}, {"ECONNREFUSED", ECONNREFUSED}, {"ENETUNREACH", ENETUNREACH}};
  for (unsigned i = 0; i < sizeof errors / sizeof errors[0]; i++)
    if (strncmp(name, errors[i].name, strlen(errors[i].name)) == 0) return errors[i].error;
  return 0;
}

/* Where the digit of a fault stands, NULL in a datagram that is none or has become none. */
static char *digit_of(struct msghdr *header) {
  char *bytes = header->msg_iov[0].iov_base;
  size_t length = header->msg_iov[0].iov_len;
  if (length < 3 || bytes[0] != '!') return NULL;
  for (size_t at = 1; at < length; at++)
    if (bytes[at] >= '0' && bytes[at] <= '9') return bytes[at] == '0' ? NULL : bytes + at;
  return NULL;
}

static int fail_with(int error) {
  errno = error;
  return -1;
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags) {
  static int (*real)(int, struct mmsghdr *, unsigned int, int);
  if (!real) real = (int (*)(int, struct mmsghdr *, unsigned int, int))dlsym(RTLD_NEXT, "sendmmsg");
  unsigned good = 0;
  while (good < count && !digit_of(&messages[good].msg_hdr)) good++;
  if (full_calls > 0) {
    full_calls--;
    return fail_with(EAGAIN);
  }
  if (good > 0 || count == 0) return real(fd, messages, good, flags);
  const char *name = (char *)messages[0].msg_hdr.msg_iov[0].iov_base + 1;
  char *digit = digit_of(&messages[0].msg_hdr);
  if (strncmp(name, "FULL", 4) == 0) {
    full_calls = (*digit - '0') * 10;
    *digit = '0';
    return real(fd, messages, 1, flags);
  }
  if (*digit != '9') --*digit;
  return fail_with(error_of(name));
}
