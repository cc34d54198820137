#include "epoll.h"
#include "log.h"

#include <errno.h>
#include <unistd.h>

int epoll_open(Epoll *epoll)
{
    epoll->batch = EPOLL_BATCH;
    epoll->fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll->fd < 0)
        log_error("epoll_create1");
    else
        pthread_mutex_init(&epoll->lock, NULL);
    return epoll->fd < 0 ? -1 : 0;
}

void epoll_close(Epoll *epoll)
{
    pthread_mutex_destroy(&epoll->lock);
    close(epoll->fd);
}

static int control(Epoll *epoll, int operation, int fd, uint32_t events,
                   void *owner)
{
    struct epoll_event event = {.events = events, .data.ptr = owner};

    pthread_mutex_lock(&epoll->lock);
    int result = epoll_ctl(epoll->fd, operation, fd, &event);
    pthread_mutex_unlock(&epoll->lock);
    return result;
}

int epoll_add(Epoll *epoll, int fd, uint32_t events, void *owner)
{
    return control(epoll, EPOLL_CTL_ADD, fd, events, owner);
}

int epoll_modify(Epoll *epoll, int fd, uint32_t events, void *owner)
{
    return control(epoll, EPOLL_CTL_MOD, fd, events, owner);
}

int epoll_remove(Epoll *epoll, int fd)
{
    return control(epoll, EPOLL_CTL_DEL, fd, 0, NULL);
}

int epoll_await(Epoll *epoll, int timeout)
{
    int count = epoll_wait(epoll->fd, epoll->ready, epoll->batch, timeout);

    if (count < 0 && errno == EINTR)
        return 0;
    if (count < 0)
        log_error("epoll_wait");
    /* All that was written before an epoll_add is to be seen after it. */
    pthread_mutex_lock(&epoll->lock);
    pthread_mutex_unlock(&epoll->lock);
    return count;
}
