/*
 * Statistics: what the connections of one loop have done so far. Only the
 * loop's own thread counts and prints them.
 */
#ifndef STATISTICS_H
#define STATISTICS_H

#include <stdint.h>

/* Why a connection was closed. */
typedef enum Reason {
    REASON_PEER, /* the client ended it */
    REASON_SERVER, /* the handler ended it */
    REASON_IDLE, /* no byte moved for the idle timeout */
    REASON_ERROR, /* a system call failed: a reset by the client, too */
    REASON_LIMIT, /* a message too long, or a connection too many */
    REASON_DRAIN, /* the server stopped */
    REASONS
} Reason;

typedef struct Statistics {
    uint64_t accepted;
    uint64_t closed[REASONS];
    uint64_t messages_in;
    uint64_t messages_out;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t pauses; /* of reading, because of the high-water mark */
    uint64_t timers; /* set at the moment of the report */
    uint64_t queued; /* tasks */
    uint64_t woken; /* wake-ups written */
} Statistics;

/* Print the counts on standard error, in one line that begins with name. */
void statistics_print(const char *name, const Statistics *statistics);

#endif
