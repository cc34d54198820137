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

int channel_change(Channel *channel, uint32_t events)
{
    int result;

    if (channel->events == 0)
        result = epoll_add(channel->epoll, channel->fd, events, channel);
    else if (events == 0)
        result = epoll_remove(channel->epoll, channel->fd);
    else
        result = epoll_modify(channel->epoll, channel->fd, events, channel);
    if (result < 0)
        return -1;
    channel->events = events;
    return 0;
}
