/*
 * Starts a program on a chosen set of cores, and lets it end with the process that started it, however that one ends:
 * no server of a broken benchmark run stays behind.
 *
 *   launch CORES PROGRAM [ARGUMENT...]      CORES: "0", "1", "0,1"
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (argc < 3) return 2;
  for (char *at = argv[1]; *at; at += *at == ',') {
    char *end;
    long core = strtol(at, &end, 10);
    if (end == at || core < 0 || core >= CPU_SETSIZE) return 2;
    CPU_SET(core, &cores);
    at = end;
  }
  if (sched_setaffinity(0, sizeof cores, &cores) < 0) {
    perror("launch: sched_setaffinity");
    return 1;
  }
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  execvp(argv[2], argv + 2);
  perror(argv[2]);
  return 127;
}
