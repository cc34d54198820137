/*
 * Channel: one descriptor, and all that belongs to watching it. It is what
 * the kernel hands back when a descriptor is ready.
 *
 * A Channel lives inside the part whose descriptor it stands for, which
 * closes that; it must stay where it is in memory while it is watched. Used
 * by the thread of its Epoll alone.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "epoll.h"

typedef struct Channel {
    Epoll *epoll;
    int fd;
    uint32_t events; /* what it waits for, as the kernel knows it */
    uint32_t ready; /* what happened to it */
    void (*on_ready)(void *context);
    void *context; /* whose it is */
} Channel;

/* Sets it up for fd; it waits for nothing yet. */
void channel_init(Channel *channel, Epoll *epoll, int fd,
                  void (*on_ready)(void *context), void *context);

/* Tells the kernel to watch for events instead of what it watches for now. */
int channel_change(Channel *channel, uint32_t events);

/*
 * Waits for these events from now on, for none if 0. The kernel is told only
 * of a change. Returns 0, or -1 with errno set; then nothing has changed.
 */
static inline int channel_watch(Channel *channel, uint32_t events)
{
    return events == channel->events ? 0 : channel_change(channel, events);
}

/* The channel of the index-th entry that epoll_await filled. */
static inline Channel *channel_ready(Epoll *epoll, int index)
{
    Channel *channel = epoll->ready[index].data.ptr;

    channel->ready = epoll->ready[index].events;
    return channel;
}

#endif
