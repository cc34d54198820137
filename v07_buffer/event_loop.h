/*
 * EventLoop: one thread's loop. It waits until descriptors are ready and
 * calls their channels, one after the other. While a callback runs, all
 * others wait: so a callback must not block.
 *
 * The creator of a loop owns it. Use it only from the thread that runs it,
 * unless a function says otherwise.
 */
#ifndef EVENT_LOOP_H
#define EVENT_LOOP_H

#include "channel.h"
#include "task.h"

#include <stdbool.h>

typedef struct EventLoop EventLoop;

/* Return a new loop, or NULL after saying on standard error what failed. */
EventLoop *event_loop_create(void);

/* Free the loop. It must not run, and no task may be queued. */
void event_loop_destroy(EventLoop *loop);

/* Return the watch list for the channels that this loop is to call. */
Epoll *event_loop_epoll(EventLoop *loop);

/*
 * Make a signal an event of this loop: on_signal is called like any other
 * callback, and the signal no longer interrupts system calls (signalfd(2)).
 * The signal is blocked for this thread and for the threads that it creates
 * later. Return 0, or -1 after saying what failed.
 */
int event_loop_catch_signal(EventLoop *loop, int signo,
                            void (*on_signal)(void *context), void *context);

/*
 * Prepare for callbacks that take long: take one event at a time, and look
 * for signals and tasks after each.
 */
void event_loop_expect_slow_callbacks(EventLoop *loop);

/*
 * Until event_loop_quit is called: wait for events, and call the channels
 * that are ready. Return 0, or -1 after saying why the loop can't go on.
 */
int event_loop_run(EventLoop *loop);

/*
 * Make the loop end after the events in hand; a loop that does not run yet
 * ends at once.
 */
void event_loop_quit(EventLoop *loop);

/*
 * Run the tasks that were still queued when the loop ended, and those that
 * they queue.
 */
void event_loop_run_tasks(EventLoop *loop);

/*
 * Queue a task: the loop's thread runs it, never inside another callback,
 * but after the events in hand. Tasks run in the order of the queue. A task
 * may be queued before the loop runs.
 */
void event_loop_queue_in_loop(EventLoop *loop, Task *task);

#endif
