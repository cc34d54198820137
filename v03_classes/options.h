/*
 * Options: how a server is to behave, as its command line asks. Filled in
 * once, before anything else runs; read-only from then on, so any thread may
 * look at it.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "inet_address.h"

#include <stdbool.h>

typedef struct Options {
    InetAddress address; /* -a, -p: where to listen */
    bool verbose; /* -v: say who connects and who leaves */
} Options;

/* Wrong use ends the program with status 2, -h with 0. */
Options options_parse(int argc, char **argv);

#endif
