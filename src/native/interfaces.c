/** The addresses of a network interface. */
#include "packets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/** An IPv4 address may have a label of its own, `eth0:1` for one of eth0. */
static bool belongs(const char *label, const char *name) {
  size_t length = strlen(name);
  return strncmp(label, name, length) == 0 && (label[length] == 0 || label[length] == ':');
}

/** The length of the address as text with a newline; 0 when it is of another family. */
static int write_address(const struct sockaddr *address, const char *name, char line[ADDRESS_LINE]) {
  char host[INET6_ADDRSTRLEN];
  if (address && address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, host, sizeof host);
    return snprintf(line, ADDRESS_LINE, "%s\n", host);
  }
  if (!address || address->sa_family != AF_INET6) return 0;
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
  inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
  return snprintf(line, ADDRESS_LINE, v6->sin6_scope_id ? "%s%%%s\n" : "%s\n", host, name);
}

int interface_addresses(const char *name, uint8_t *out, size_t size) {
  struct ifaddrs *all;
  if (getifaddrs(&all) != 0) return -errno;
  bool found = false;
  size_t length = 0;
  // Each interface is in the list once besides its addresses, also one that is down or has none.
  for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
    if (!belongs(one->ifa_name, name)) continue;
    found = true;
    char line[ADDRESS_LINE];
    size_t more = (size_t)write_address(one->ifa_addr, name, line);
    if (length + more <= size) memcpy(out + length, line, more);
    length += more;
  }
  freeifaddrs(all);
  return found ? (int)length : -ENODEV;
}
