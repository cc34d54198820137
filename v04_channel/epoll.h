/*
 * Epoll: the kernel's list of descriptors to watch, level-triggered: what is
 * ready is reported until it no longer is. See epoll(7).
 *
 * It does not own what it watches. A descriptor that is closed leaves the
 * list by itself, so long as no copy of it is open elsewhere (epoll(7),
 * questions and answers).
 *
 * Owned by whoever holds the struct, for one thread.
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

/* Returns 0, or -1; then what failed has been said on standard error. */
int epoll_open(Epoll *epoll);

void epoll_close(Epoll *epoll);

/*
 * Watch fd for events and report them together with owner; watch it for
 * others; watch it no more. Each returns 0, or -1 with errno set.
 */
int epoll_add(Epoll *epoll, int fd, uint32_t events, void *owner);
int epoll_modify(Epoll *epoll, int fd, uint32_t events, void *owner);
int epoll_remove(Epoll *epoll, int fd);

/*
 * Waits until something is ready, for at most timeout milliseconds, or for
 * ever if that is -1. Returns how many entries of ready are filled, 0 when
 * time or a signal ended the wait, or -1; then what failed has been said.
 */
int epoll_await(Epoll *epoll, int timeout);

#endif
