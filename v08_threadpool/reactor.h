/*
 * Reactor: a loop that serves connections, and the thread that runs it: one
 * of its own, or the main one.
 *
 * Owned by whoever holds the struct; used by the main thread alone.
 */
#ifndef REACTOR_H
#define REACTOR_H

#include "event_loop.h"
#include "thread_pool.h"

#include <stdbool.h>

typedef struct Reactor {
    EventLoop *loop;
    EventLoop *main_loop;
    Task run;
    bool failed; /* its loop could not go on: known when its thread has ended */
} Reactor;

/*
 * Makes it a loop of its own, or lets it share the main one. Returns 0, or
 * -1; then what failed has been said.
 */
int reactor_open(Reactor *reactor, EventLoop *main_loop, bool own);

/*
 * Its own loop must not run any more. Returns 0, or -1 when that could not go
 * on; then why has been said.
 */
int reactor_close(Reactor *reactor);

/* Has its own loop, if that is what it has, run by one of the threads. */
void reactor_start(Reactor *reactor, ThreadPool *threads);

#endif
