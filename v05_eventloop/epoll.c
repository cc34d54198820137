#include "epoll.h"
#include "log.h"

#include <errno.h>
#include <unistd.h>

int epoll_open(Epoll *epoll)
{
    epoll->fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll->fd < 0) {
        log_error("epoll_create1");
        return -1;
    }
    return 0;
}

void epoll_close(Epoll *epoll)
{
    close(epoll->fd);
}

int epoll_add(Epoll *epoll, int fd, uint32_t events, void *data)
{
    struct epoll_event event = {.events = events, .data.ptr = data};

    return epoll_ctl(epoll->fd, EPOLL_CTL_ADD, fd, &event);
}

int epoll_await(Epoll *epoll, int most, int timeout)
{
    int count = epoll_wait(epoll->fd, epoll->ready, most, timeout);

    if (count < 0 && errno == EINTR)
        return 0;
    if (count < 0)
        log_error("epoll_wait");
    return count;
}
