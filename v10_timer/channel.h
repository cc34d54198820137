/*
 * Channel: a descriptor, the events to watch it for, and what handles them.
 * Each event brings the address of its Channel back from the kernel.
 *
 * A Channel is a member of the part that owns the descriptor and closes it.
 * While it is watched, it must stay at its place in memory: the kernel holds
 * its address. Use it only from the thread of its Epoll.
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
    void *context; /* what handling an event needs; may be NULL */
} Channel;

/* Set up a channel for fd that waits for nothing yet. */
void channel_init(Channel *channel, Epoll *epoll, int fd,
                  void (*on_ready)(void *context), void *context);

/* Tell the kernel to watch for events, which differ from channel->events. */
int channel_change(Channel *channel, uint32_t events);

/*
 * Wait for these events from now on; 0: for none. The kernel is told only if
 * they change. Return 0, or -1 with errno set and nothing changed.
 */
static inline int channel_watch(Channel *channel, uint32_t events)
{
    if (events == channel->events)
        return 0;
    return channel_change(channel, events);
}

/* Return the channel of the index-th entry that epoll_await filled. */
static inline Channel *channel_of_event(Epoll *epoll, int index)
{
    Channel *channel = epoll->ready[index].data.ptr;

    channel->ready = epoll->ready[index].events;
    return channel;
}

#endif
