#include "channel.h"

void channel_init(Channel *channel, Epoll *epoll, int fd,
                  void (*on_ready)(void *context), void *context)
{
    *channel = (Channel){
        .epoll = epoll,
        .fd = fd,
        .on_ready = on_ready,
        .context = context,
    };
}

int channel_watch(Channel *channel, uint32_t events)
{
    if (events == channel->events)
        return 0;
    if (epoll_add(channel->epoll, channel->fd, events, channel) < 0)
        return -1;
    channel->events = events;
    return 0;
}
