/*
 * What the load generator is asked to do.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>

typedef enum Mode {
    MODE_ECHO, /* each client keeps so many messages in flight */
    MODE_ROUNDS, /* all clients send; when all have their replies, again */
    MODE_CONNECT, /* connect, one message, close, again and again */
    MODE_HOLD, /* connect, and do what standard input says */
    MODE_CHAT /* the same, with a chat */
} Mode;

typedef struct Options {
    Mode mode;
    struct sockaddr_in address;
    long clients;
    long quiet; /* connections beside them that stay silent */
    long size; /* of a message, in bytes */
    long flight; /* messages of one client under way at once */
    long messages; /* in all; 0: as many as the time allows */
    int64_t length; /* how long to measure, in nanoseconds */
    int64_t warmup; /* before that */
    int64_t stall; /* no byte for so long: the server has lost one */
    long limit; /* seconds after which the program gives up */
    pid_t server; /* whose CPU time to report; 0: nobody's */
} Options;

/* Ends the program with one line, the usage and exit status 2 on wrong use. */
Options options_parse(int argc, char **argv);

#endif
