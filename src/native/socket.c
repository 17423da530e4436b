/** UDP sockets: opening, the steering program of a SO_REUSEPORT group, what the kernel counts; and writing log lines. */
#include "packets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/** Sockets in one steering program. cBPF programs hold 4096 instructions; two go to each socket. */
#define MAX_STEERED 1024
/** What a terminal takes without blocking once poll calls it writable (WAKEUP_CHARS in the kernel's n_tty). */
#define TERMINAL_CHUNK 256
/** POSIX: a pipe that poll calls writable takes this much at once. */
#define PIPE_CHUNK 4096

static bool enable(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

static int close_with(int fd, int error) {
  close(fd);
  return -error;
}

int parse_address(const char *text, uint16_t port, struct sockaddr_storage *out) {
  memset(out, 0, sizeof *out);
  struct sockaddr_in *v4 = (struct sockaddr_in *)out;
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    return sizeof *v4;
  }
  char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
  if (strlen(text) >= sizeof host) return -EINVAL;
  strcpy(host, text);
  char *zone = strchr(host, '%');
  if (zone) *zone++ = 0;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
  if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1) return -EINVAL;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  if (zone) {
    v6->sin6_scope_id = if_nametoindex(zone);
    if (v6->sin6_scope_id == 0) v6->sin6_scope_id = (uint32_t)strtoul(zone, NULL, 10);
    if (v6->sin6_scope_id == 0) return -ENODEV;
  }
  return sizeof *v6;
}

/** The forced form passes rmem_max but needs CAP_NET_ADMIN; the other is cut to rmem_max silently. */
int set_receive_buffer(int fd, int bytes) {
  bool done = enable(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) || enable(fd, SOL_SOCKET, SO_RCVBUF, bytes);
  return done ? 0 : -errno;
}

static int open_socket(int family, int receive_buffer) {
  int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  // Not worth failing for.
  if (receive_buffer > 0) set_receive_buffer(fd, receive_buffer);
  return fd;
}

static bool is_wildcard(const struct sockaddr_storage *address) {
  if (address->ss_family == AF_INET) return ((const struct sockaddr_in *)address)->sin_addr.s_addr == INADDR_ANY;
  return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

int open_udp(const char *text, uint16_t port, int receive_buffer, uint32_t flags) {
  struct sockaddr_storage address;
  int length = parse_address(text, port, &address);
  if (length < 0) return length;
  int family = address.ss_family;
  int fd = open_socket(family, receive_buffer);
  if (fd < 0) return fd;
  // Anyone can forge the ICMP message that lowers a path's MTU and so makes us send fragments, which are easily poisoned.
  enable(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
  if (flags & OPEN_REUSE_PORT && !enable(fd, SOL_SOCKET, SO_REUSEPORT, 1)) return close_with(fd, errno);
  // Said in both cases, since the system's default (bindv6only) is the operator's.
  if (family == AF_INET6 && !enable(fd, IPPROTO_IPV6, IPV6_V6ONLY, (flags & OPEN_ONLY_6) != 0))
    return close_with(fd, errno);
  if (is_wildcard(&address)) {
    bool done = family == AF_INET ? enable(fd, IPPROTO_IP, IP_PKTINFO, 1)
                                  : enable(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    if (!done) return close_with(fd, errno);
  }
  if (bind(fd, (struct sockaddr *)&address, (socklen_t)length) != 0) return close_with(fd, errno);
  return fd;
}

int open_unconnected_udp(int family, const char *source, int receive_buffer) {
  int fd = open_socket(family, receive_buffer);
  if (fd < 0 || !source[0]) return fd;
  struct sockaddr_storage from;
  int length = parse_address(source, 0, &from);
  if (length < 0) return close_with(fd, -length);
  return bind(fd, (struct sockaddr *)&from, (socklen_t)length) == 0 ? fd : close_with(fd, errno);
}

int bound_port(int fd) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &length) != 0) return -errno;
  if (address.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&address)->sin_port);
  if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
  return -EAFNOSUPPORT;
}

bool wants_local_address(int fd) {
  int value = 0;
  socklen_t length = sizeof value;
  if (getsockopt(fd, IPPROTO_IP, IP_PKTINFO, &value, &length) == 0 && value) return true;
  value = 0;
  length = sizeof value;
  return getsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &value, &length) == 0 && value;
}

/**
 * An even spread over the live members of the group, each known by its place in the order of opening. Random and not by
 * the client's address: behind one resolver or NAT a hash would put all load on one worker, and no query depends on
 * another. Program: a = random() % count; then for each i, `if (a == i) return live[i]`. A program that names a socket
 * which is gone makes the kernel fall back to its hash over all members. No live member: the program is taken off.
 */
int set_steering(int fd, const int32_t *live, uint32_t count) {
  if (count > MAX_STEERED) return -E2BIG;
  if (count == 0) {
    int none = 0;
    return setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &none, sizeof none) == 0 || errno == ENOENT ? 0 : -errno;
  }
  struct sock_filter *code = malloc((3 + 2 * (size_t)count) * sizeof *code);
  if (!code) return -ENOMEM;
  uint16_t length = 0;
  if (count > 1) {
    code[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM));
    code[length++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count);
  }
  for (uint32_t i = 0; i + 1 < count; i++) {
    code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, i, 0, 1);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (uint32_t)live[i]);
  }
  code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (uint32_t)live[count - 1]);
  struct sock_fprog program = {.len = length, .filter = code};
  int result = setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0 ? 0 : -errno;
  free(code);
  return result;
}

/**
 * A connected socket gets only what comes from its peer, and this one's is itself: the others of its group get all. What it
 * has queued stays. There is no way back: in newer kernels (6.18 was tried) it has left the group.
 */
int refuse_new(int fd) {
  struct sockaddr_storage own;
  socklen_t length = sizeof own;
  if (getsockname(fd, (struct sockaddr *)&own, &length) != 0) return -errno;
  return connect(fd, (struct sockaddr *)&own, length) == 0 ? 0 : -errno;
}

/** Some sandboxes do not let a process use these calls, and say so before they look at the descriptor. */
int can_batch(void) {
  bool refused = recvmmsg(-1, NULL, 0, 0, NULL) < 0 && errno != EBADF;
  refused = refused || (sendmmsg(-1, NULL, 0, 0) < 0 && errno != EBADF);
  return refused ? -errno : 0;
}

static int read_memory(int fd, uint32_t memory[SK_MEMINFO_VARS]) {
  socklen_t length = SK_MEMINFO_VARS * sizeof memory[0];
  memset(memory, 0, length);
  return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) == 0 ? 0 : -errno;
}

int64_t socket_drops(int fd) {
  uint32_t memory[SK_MEMINFO_VARS];
  int error = read_memory(fd, memory);
  return error ? error : (int64_t)memory[SK_MEMINFO_DROPS];
}

double socket_fill(int fd) {
  uint32_t memory[SK_MEMINFO_VARS];
  int error = read_memory(fd, memory);
  if (error) return error;
  return memory[SK_MEMINFO_RCVBUF] ? (double)memory[SK_MEMINFO_RMEM_ALLOC] / memory[SK_MEMINFO_RCVBUF] : 0;
}

double socket_memory(int fd) {
  uint32_t memory[SK_MEMINFO_VARS];
  int error = read_memory(fd, memory);
  if (error) return error;
  return (double)memory[SK_MEMINFO_RMEM_ALLOC] + memory[SK_MEMINFO_WMEM_QUEUED];
}

int set_send_buffer(int fd, int bytes) {
  return enable(fd, SOL_SOCKET, SO_SNDBUF, bytes) ? 0 : -errno;
}

int reset_on_close(int fd) {
  struct linger none = {.l_onoff = 1, .l_linger = 0};
  return setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none) == 0 ? 0 : -errno;
}

/** Asks poll, then writes at most what poll's yes covers. */
static ssize_t write_if_ready(int fd, const uint8_t *bytes, size_t length, size_t chunk) {
  struct pollfd ready = {.fd = fd, .events = POLLOUT};
  if (poll(&ready, 1, 0) < 0) return -1;
  if (!(ready.revents & (POLLOUT | POLLERR | POLLHUP | POLLNVAL))) {
    errno = EAGAIN;
    return -1;
  }
  return write(fd, bytes, length < chunk ? length : chunk);
}

/**
 * Between poll's yes and the write another thread of ours could fill the pipe, and our write would then block. Kernels
 * that take RWF_NOWAIT on pipes need no such care; for others, and for terminals, our threads go one after the other.
 * (Another process that writes to the same pipe can still come between. It would have to fill 64 KiB in a microsecond.)
 */
static pthread_mutex_t one_writer = PTHREAD_MUTEX_INITIALIZER;

static ssize_t write_piece(int fd, mode_t mode, const uint8_t *bytes, size_t length) {
  if (S_ISREG(mode)) return write(fd, bytes, length);
  if (S_ISSOCK(mode)) return send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  size_t chunk = S_ISFIFO(mode) ? PIPE_CHUNK : TERMINAL_CHUNK;
  if (S_ISFIFO(mode)) {
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
    ssize_t written = pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
    if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)) return written;
  }
  pthread_mutex_lock(&one_writer);
  ssize_t written = write_if_ready(fd, bytes, length, chunk);
  int error = errno;
  pthread_mutex_unlock(&one_writer);
  errno = error;
  return written;
}

/** Never blocks and never sets O_NONBLOCK, which is shared with whoever else has the file open (a shell, for one). */
int64_t write_now(int fd, const uint8_t *bytes, size_t length) {
  struct stat status;
  if (fstat(fd, &status) != 0) return -errno;
  size_t done = 0;
  while (done < length) {
    ssize_t written = write_piece(fd, status.st_mode, bytes + done, length - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return done > 0 ? (int64_t)done : -errno;
    if (written == 0) break;
    done += (size_t)written;
  }
  return (int64_t)done;
}

/**
 * Says `text` to who started the process, with descriptor `fd` when it is not below 0 (sd_notify(3)). `address` is a path,
 * or begins with @ for one without a file.
 */
int send_notice(const char *address, const char *text, int fd) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  size_t length = strlen(address);
  if (length == 0 || length >= sizeof to.sun_path) return -EINVAL;
  memcpy(to.sun_path, address, length);
  if (address[0] == '@') to.sun_path[0] = 0;
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {0};
  struct iovec part = {.iov_base = (void *)text, .iov_len = strlen(text)};
  struct msghdr message = {.msg_name = &to,
                           .msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length),
                           .msg_iov = &part,
                           .msg_iovlen = 1};
  if (fd >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sender < 0) return -errno;
  // A queue of few messages: who reads them may be behind, but shall not be waited for without end.
  struct timeval limit = {.tv_sec = 1};
  setsockopt(sender, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  int result = sendmsg(sender, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
  close(sender);
  return result;
}
