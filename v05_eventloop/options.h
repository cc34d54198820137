/*
 * Options: what the command line asks of a server. options_parse fills them
 * in once, before anything else runs. They are read-only from then on, so any
 * thread may read them.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "inet_address.h"

#include <stdbool.h>

typedef struct Options {
    InetAddress address; /* -a, -p: where to listen */
    bool verbose; /* -v: print who connects and who leaves */
} Options;

/*
 * Open the log, then read the command line. Wrong use ends the program with
 * status 2, and -h with status 0. Call it before the program opens a
 * descriptor or creates a thread.
 */
Options options_parse(int argc, char **argv);

#endif
