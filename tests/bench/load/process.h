/*
 * What a process has used so far, all its threads together and, for a server
 * of many processes, its children.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdint.h>
#include <sys/types.h>

typedef struct Usage {
    int64_t cpu; /* nanoseconds */
    int64_t sleeps; /* how often a thread went to sleep of its own will */
} Usage;

/* All 0 where there is no such process. */
Usage process_usage(pid_t process);

Usage process_own_usage(void);

#endif
