/*
 * Options: what the command line asks of a server. options_parse fills them
 * in once, before anything else runs. They are read-only from then on, so any
 * thread may read them.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "codec.h"
#include "inet_address.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct Options {
    InetAddress address; /* -a, -p: where to listen */
    bool verbose; /* -v: print who connects and who leaves */
    unsigned connections; /* -c: the most connections at once; 0: no limit */
    Codec codec; /* -f, -m: what a message is */
    unsigned longest; /* -m: the longest message, in bytes */
    size_t high_water; /* -b: unsent output at which reading pauses */
    unsigned delay; /* -d: milliseconds that each message takes */
} Options;

/*
 * Open the log, then read the command line. letters are the options that the
 * program accepts, beside -h. Wrong use ends the program with status 2, and
 * -h with status 0. Call it before the program opens a descriptor or creates
 * a thread.
 */
Options options_parse(int argc, char **argv, const char *letters);

/* Sleep for as long as -d asks, as a slow service would. */
void options_delay(const Options *options);

#endif
