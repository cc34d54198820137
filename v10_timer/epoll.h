/*
 * Epoll: the kernel's list of descriptors to watch, see epoll(7). It is
 * level-triggered: a descriptor is reported for as long as it is ready. The
 * kernel's own calls are epoll_create1, epoll_ctl and epoll_wait; the
 * functions below call them.
 *
 * An Epoll does not own the descriptors that it watches. A descriptor that is
 * closed leaves the list by itself, unless a copy of it is open elsewhere:
 * see the questions and answers in epoll(7).
 *
 * The holder of the struct owns it. Use it from one thread.
 */
#ifndef EPOLL_H
#define EPOLL_H

#include <stdint.h>
#include <sys/epoll.h>

enum { EPOLL_BATCH = 256 };

typedef struct Epoll {
    int fd;
    struct epoll_event ready[EPOLL_BATCH]; /* what the last wait found */
} Epoll;

/* Return 0, or -1 after a message on standard error. */
int epoll_open(Epoll *epoll);

void epoll_close(Epoll *epoll);

/*
 * Begin to watch fd for events, and report them together with data. Return
 * 0, or -1 with errno set.
 */
int epoll_add(Epoll *epoll, int fd, uint32_t events, void *data);

/* Watch fd for other events from now on. Return 0, or -1 with errno set. */
int epoll_modify(Epoll *epoll, int fd, uint32_t events, void *data);

/* Stop watching fd. Return 0, or -1 with errno set. */
int epoll_remove(Epoll *epoll, int fd);

/*
 * Wait until a descriptor is ready, for at most timeout milliseconds, or
 * without limit if timeout is -1. Write at most `most` events to ready: up to
 * EPOLL_BATCH, or fewer if the caller wants to look at other things in
 * between. The next wait reports the others. Return how many events were
 * written, 0 if the time is up or a signal ended the wait, or -1 after a
 * message on standard error.
 */
int epoll_await(Epoll *epoll, int most, int timeout);

#endif
