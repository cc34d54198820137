/*
 * Statistics: what the connections of one loop have done so far. Counted by
 * the loop's thread alone; copied for whoever wants to know.
 */
#ifndef STATISTICS_H
#define STATISTICS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Why a connection was closed. */
typedef enum Reason {
    BY_PEER, /* the client has ended it */
    BY_SERVER, /* the handler has */
    IDLE, /* nothing moved for as long as -i says */
    FAILED, /* a call for it failed; the client's reset is one */
    LIMIT, /* a message too long, or a connection too many */
    DRAINED, /* the server stopped */
    REASONS
} Reason;

typedef struct Statistics {
    uint64_t accepted;
    uint64_t closed[REASONS];
    uint64_t messages_in;
    uint64_t messages_out;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t pauses; /* of reading, because output was at high water */
    uint64_t timers; /* that are set */
    uint64_t queued; /* tasks */
    uint64_t woken; /* wake-ups written */
} Statistics;

/* Adds each count of more to sum. */
void statistics_add(Statistics *sum, const Statistics *more);

/* Prints it in one line, which begins with the program and with name. */
void statistics_print(FILE *out, const char *name, const Statistics *of);

#endif
