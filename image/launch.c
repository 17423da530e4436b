/*
 * The image's entry point, /coredns: what bin/weftdns does, where there is no shell. NODE_FLAGS is taken from that file
 * when the image is made (assemble.sh), so both start the same process. It stays as that one's parent (src/parent/parent.c).
 *
 * Port 53 needs CAP_NET_BIND_SERVICE, and the process is nobody's: not root. This file carries the capability as permitted
 * only, not as effective: where the container may not have it (all dropped, since its ports are open to everybody or high),
 * the kernel still starts us, which it refuses an effective one (capabilities(7), "Safety checking for capability-dumb
 * binaries"). What we were granted goes on to node as an ambient capability. A capability on node itself would have made
 * it a privileged program: one that ignores parts of its environment and cannot be traced.
 */
#include "parent.h"

#include <linux/capability.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NODE "/weftdns/bin/node"
#define MAIN "/weftdns/dist/main.js"

/* Best effort: without it, a port that needs it will say so when it is opened. */
static void pass_on_net_bind(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
  const unsigned bit = 1u << CAP_NET_BIND_SERVICE;
  if (syscall(SYS_capget, &header, data) != 0 || !(data[0].permitted & bit)) return;
  data[0].inheritable |= bit;
  if (syscall(SYS_capset, &header, data) != 0) return;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0);
}

int main(int argc, char **argv) {
  static char *const flags[] = {NODE_FLAGS};
  enum { FLAGS = sizeof flags / sizeof *flags };
  char *command[1 + FLAGS + 1 + argc + 1];
  int count = 0;
  command[count++] = NODE;
  for (int i = 0; i < FLAGS; i++) command[count++] = flags[i];
  command[count++] = MAIN;
  for (int i = 1; i < argc; i++) command[count++] = argv[i];
  command[count] = NULL;

  pass_on_net_bind();
  return be_parent_of(command);
}
