/* Sends one UDP datagram, "raw", from a source that no socket has: raw SOURCE SOURCE-PORT DESTINATION PORT. Needs root. */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
  struct {
    struct iphdr ip;
    struct udphdr udp;
    char text[3];
  } __attribute__((packed)) packet = {.text = "raw"};
  if (argc != 5) return 2;
  packet.ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .tot_len = htons(sizeof packet)};
  packet.ip.saddr = inet_addr(argv[1]);
  packet.ip.daddr = inet_addr(argv[3]);
  packet.udp.source = htons((unsigned short)atoi(argv[2]));
  packet.udp.dest = htons((unsigned short)atoi(argv[4]));
  packet.udp.len = htons(sizeof packet.udp + sizeof packet.text);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = packet.ip.daddr};
  int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  if (fd < 0 || sendto(fd, &packet, sizeof packet, 0, (struct sockaddr *)&to, sizeof to) < 0) {
    perror("raw");
    return 1;
  }
  return 0;
}
