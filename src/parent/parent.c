/**
 * The process above the server's: keeps the server's UDP sockets, and starts it again when it dies of a signal or a fault
 * of its own (reliability, row J3). What clients send meanwhile waits in the sockets and is answered by the next one. It
 * reads nothing that comes from a network, allocates nothing after its start, and takes no part in any query.
 *
 * The two of them speak what systemd and its services do, so a unit with FileDescriptorStoreMax= and Restart= does as well:
 * the server sends READY=1, STOPPING=1, FDSTORE=1 with a socket and FDSTOREREMOVE=1 to NOTIFY_SOCKET (sd_notify(3)), and
 * finds its sockets again by LISTEN_FDS and LISTEN_FDNAMES (sd_listen_fds(3)). Beyond that WEFTDNS_RESTARTS says how often
 * it was started again and WEFTDNS_DIED_OF why.
 *
 * It is started again only when it was ready before and nobody told it to end: a mistake in a configuration ends both.
 */
#include "parent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/** So many deaths within so many seconds, and whoever started us shall decide: an orchestrator waits ever longer. */
#define MAX_DEATHS 5
#define DEATHS_SECONDS 60
/** A socket for each worker, and for each address that is listened on. All names must fit into 128 KiB (execve(2)). */
#define MAX_KEPT 1024
#define NAME_SIZE 96
#define MESSAGE_SIZE 1024
/** The first descriptor that is handed on (sd_listen_fds(3)). */
#define LISTEN_FDS_START 3

struct kept {
  int fd;
  char name[NAME_SIZE];
};

static struct {
  char *const *command;
  pid_t child;
  int notify;
  struct sockaddr_un notify_address;
  socklen_t notify_length;
  int signals;
  sigset_t mask_before;
  struct kept kept[MAX_KEPT];
  int kept_count;
  bool ready;
  bool told_to_end;
  int restarts;
  char died_of[64];
  time_t deaths[MAX_DEATHS];
} parent;

static const int forwarded[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};

/** Descriptors of the child at the places where it looks for them. What was there is a copy of ours, or nothing. */
static bool hand_on_sockets(void) {
  int above = LISTEN_FDS_START + parent.kept_count;
  for (int i = 0; i < parent.kept_count; i++) {
    int fd = fcntl(parent.kept[i].fd, F_DUPFD_CLOEXEC, above);
    if (fd < 0) return false;
    parent.kept[i].fd = fd;
  }
  for (int i = 0; i < parent.kept_count; i++)
    if (dup2(parent.kept[i].fd, LISTEN_FDS_START + i) < 0) return false;
  return true;
}

static void set_number(const char *name, long value) {
  char text[24];
  snprintf(text, sizeof text, "%ld", value);
  setenv(name, text, 1);
}

static bool describe_sockets(void) {
  char *names = calloc((size_t)parent.kept_count + 1, NAME_SIZE);
  if (!names) return false;
  char *end = names;
  for (int i = 0; i < parent.kept_count; i++) end += sprintf(end, "%s%s", i > 0 ? ":" : "", parent.kept[i].name);
  set_number("LISTEN_PID", getpid());
  set_number("LISTEN_FDS", parent.kept_count);
  return setenv("LISTEN_FDNAMES", names, 1) == 0;
}

static void describe_notify(void) {
  char text[sizeof parent.notify_address.sun_path + 1] = "@";
  size_t length = parent.notify_length - offsetof(struct sockaddr_un, sun_path) - 1;
  memcpy(text + 1, parent.notify_address.sun_path + 1, length);
  text[1 + length] = 0;
  setenv("NOTIFY_SOCKET", text, 1);
}

static void run_child(pid_t parent_id) {
  // A server that nobody can start again or stop shall not stay behind.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent_id) _exit(1);
  // A reload that is asked for before the server has begun waits for it: the others are let in.
  sigaddset(&parent.mask_before, SIGUSR1);
  sigprocmask(SIG_SETMASK, &parent.mask_before, NULL);
  // Sockets that only we have would take their share of the queries, and nobody would read them.
  if (!hand_on_sockets() || !describe_sockets()) _exit(127);
  describe_notify();
  set_number("WEFTDNS_RESTARTS", parent.restarts);
  setenv("WEFTDNS_DIED_OF", parent.died_of, 1);
  execv(parent.command[0], parent.command);
  fprintf(stderr, "weftdns: %s: %s\n", parent.command[0], strerror(errno));
  _exit(127);
}

static bool start_child(void) {
  pid_t own = getpid();
  parent.ready = false;
  parent.child = fork();
  if (parent.child == 0) run_child(own);
  return parent.child > 0;
}

/** The value of a line `NAME=value` of a message, or NULL. `message` is not changed. */
static const char *value_of(const char *message, const char *name, char out[NAME_SIZE]) {
  size_t length = strlen(name);
  for (const char *line = message; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
    if (strncmp(line, name, length) != 0 || line[length] != '=') continue;
    size_t size = strcspn(line + length + 1, "\n");
    if (size >= NAME_SIZE) return NULL;
    memcpy(out, line + length + 1, size);
    out[size] = 0;
    return out;
  }
  return NULL;
}

static bool is_set(const char *message, const char *name) {
  char value[NAME_SIZE];
  return value_of(message, name, value) && strcmp(value, "1") == 0;
}

/** Takes `fd` over. Names go into a list that is parted by colons. */
static void keep(int fd, const char *name) {
  if (parent.kept_count == MAX_KEPT || name[0] == 0 || strchr(name, ':')) {
    close(fd);
    return;
  }
  struct kept *kept = &parent.kept[parent.kept_count++];
  kept->fd = fd;
  strcpy(kept->name, name);
}

/** The others stay in their order. */
static void forget(const char *name) {
  int left = 0;
  for (int i = 0; i < parent.kept_count; i++) {
    if (strcmp(parent.kept[i].name, name) == 0) close(parent.kept[i].fd);
    else parent.kept[left++] = parent.kept[i];
  }
  parent.kept_count = left;
}

static void obey(const char *message, const int *fds, int count) {
  char name[NAME_SIZE];
  bool stores = is_set(message, "FDSTORE") && value_of(message, "FDNAME", name);
  for (int i = 0; i < count; i++) {
    if (stores) keep(fds[i], name);
    else close(fds[i]);
  }
  if (is_set(message, "FDSTOREREMOVE") && value_of(message, "FDNAME", name)) forget(name);
  if (is_set(message, "READY")) parent.ready = true;
  if (is_set(message, "STOPPING")) parent.told_to_end = true;
}

/**
 * Takes one message, if there is one. The kernel says whose it is: everybody in the same network namespace may send to the
 * socket.
 */
static bool read_message(void) {
  union {
    char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(8 * sizeof(int))];
    struct cmsghdr align;
  } control;
  char message[MESSAGE_SIZE + 1];
  struct iovec part = {.iov_base = message, .iov_len = MESSAGE_SIZE};
  struct msghdr header = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t length = recvmsg(parent.notify, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length < 0) return false;
  message[length] = 0;
  int fds[sizeof control / sizeof(int)], count = 0;
  pid_t sender = 0;
  for (struct cmsghdr *part_of = CMSG_FIRSTHDR(&header); part_of; part_of = CMSG_NXTHDR(&header, part_of)) {
    if (part_of->cmsg_level != SOL_SOCKET) continue;
    if (part_of->cmsg_type == SCM_RIGHTS) {
      size_t size = part_of->cmsg_len - CMSG_LEN(0);
      memcpy(fds, CMSG_DATA(part_of), size);
      count = (int)(size / sizeof(int));
    } else if (part_of->cmsg_type == SCM_CREDENTIALS) {
      struct ucred credentials;
      memcpy(&credentials, CMSG_DATA(part_of), sizeof credentials);
      sender = credentials.pid;
    }
  }
  if (sender == parent.child && !(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) obey(message, fds, count);
  else for (int i = 0; i < count; i++) close(fds[i]);
  return true;
}

/** Whether there were fewer deaths of late than would be too many. */
static bool note_death(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  time_t *oldest = &parent.deaths[0];
  for (int i = 1; i < MAX_DEATHS; i++)
    if (parent.deaths[i] < *oldest) oldest = &parent.deaths[i];
  bool may_try = *oldest == 0 || now.tv_sec - *oldest > DEATHS_SECONDS;
  *oldest = now.tv_sec + 1;
  return may_try;
}

/** Whether the child is to be started again; if not, `code` is what to exit with. */
static bool wants_restart(int status, int *code) {
  if (WIFSIGNALED(status)) {
    *code = 128 + WTERMSIG(status);
    snprintf(parent.died_of, sizeof parent.died_of, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
  } else {
    *code = WEXITSTATUS(status);
    snprintf(parent.died_of, sizeof parent.died_of, "exit code %d", *code);
  }
  if (parent.told_to_end || !parent.ready || *code == 0) return false;
  if (note_death()) return true;
  fprintf(stderr, "weftdns: the server died of %s, too often within %d s: not started again\n", parent.died_of,
          DEATHS_SECONDS);
  return false;
}

/** Collects every process that ended: as the first one of a container we get orphans too. -1: the child lives. */
static int collect(void) {
  int status, found = -1;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
    if (pid == parent.child) found = status;
  return found;
}

static void forward_signal(void) {
  struct signalfd_siginfo info;
  if (read(parent.signals, &info, sizeof info) != sizeof info || info.ssi_signo == SIGCHLD) return;
  int number = (int)info.ssi_signo;
  if (number == SIGTERM || number == SIGINT || number == SIGQUIT) parent.told_to_end = true;
  // A terminal sends its signals to all of its foreground, so the child has this one.
  if (info.ssi_code != SI_KERNEL) kill(parent.child, number);
}

static bool open_notify(void) {
  parent.notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (parent.notify < 0) return false;
  int on = 1;
  struct sockaddr_un any = {.sun_family = AF_UNIX};
  parent.notify_length = sizeof parent.notify_address;
  // An address without a name: the kernel chooses one that needs no file system.
  return setsockopt(parent.notify, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 &&
         bind(parent.notify, (struct sockaddr *)&any, sizeof any.sun_family) == 0 &&
         getsockname(parent.notify, (struct sockaddr *)&parent.notify_address, &parent.notify_length) == 0;
}

static bool open_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigprocmask(SIG_BLOCK, &set, &parent.mask_before);
  sigaddset(&set, SIGCHLD);
  for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++) sigaddset(&set, forwarded[i]);
  sigprocmask(SIG_BLOCK, &set, NULL);
  parent.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return parent.signals >= 0;
}

/** A descriptor for each kept socket, as the child will have. */
static void raise_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static int live(void) {
  for (;;) {
    struct pollfd polled[] = {{.fd = parent.notify, .events = POLLIN}, {.fd = parent.signals, .events = POLLIN}};
    if (poll(polled, 2, -1) < 0 && errno != EINTR) return 1;
    if (polled[1].revents) forward_signal();
    int status = collect(), code = 0;
    // What the child said before it ended counts.
    while (read_message()) continue;
    if (status == -1) continue;
    if (!wants_restart(status, &code)) return code;
    parent.restarts++;
    if (!start_child()) return 1;
  }
}

int be_parent_of(char *const command[]) {
  parent.command = command;
  raise_limit();
  if (open_signals() && open_notify() && start_child()) return live();
  sigprocmask(SIG_SETMASK, &parent.mask_before, NULL);
  execv(command[0], command);
  fprintf(stderr, "weftdns: %s: %s\n", command[0], strerror(errno));
  return 127;
}
