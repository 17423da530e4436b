/** `parent COMMAND ARGUMENT...`: a server that is started again when it dies, where nobody else does that. */
#include "parent.h"

#include <stdio.h>

int main(int argc, char **argv) {
  if (argc > 1) return be_parent_of(argv + 1);
  fprintf(stderr, "usage: parent COMMAND [ARGUMENT]...\n");
  return 2;
}
