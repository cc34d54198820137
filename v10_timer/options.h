/*
 * Options: how a server is to behave, as its command line asks. Filled in
 * once, before anything else runs; read-only from then on, so any thread may
 * look at it.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "codec.h"
#include "inet_address.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct Options {
    InetAddress address; /* -a, -p: where to listen */
    bool verbose; /* -v: say who connects and who leaves */
    unsigned connections; /* -c: at most so many at once; 0: no limit */
    Codec codec; /* -f, -m: what a message is */
    size_t high_water; /* -b: output at which reading pauses */
    unsigned delay; /* -d: milliseconds that each message takes */
    unsigned io_threads; /* -t: I/O threads; 0: the main loop serves all */
    unsigned workers; /* -w: threads that handle messages; 0: I/O threads do */
    unsigned processes; /* -n: processes that share the port */
    unsigned idle; /* -i: milliseconds after which to close; 0: never */
} Options;

/*
 * letters are the options that the program takes, beside -h. Wrong use ends
 * it with status 2, -h with 0.
 */
Options options_parse(int argc, char **argv, const char *letters);

/* Takes as long as -d asks, as a slow service would. */
void options_delay(const Options *options);

#endif
