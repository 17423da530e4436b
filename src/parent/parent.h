/** What the image's entry point and `dist/native/parent` share: see parent.c. */
#ifndef WEFTDNS_PARENT_H
#define WEFTDNS_PARENT_H

/**
 * Runs `command` (an absolute path or one with a slash, its arguments, NULL) until it ends for good, and gives the exit
 * code for the caller. Where the system allows less than that takes, this process becomes the command.
 */
int be_parent_of(char *const command[]);

#endif
