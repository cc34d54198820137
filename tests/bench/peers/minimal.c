/*
 * The base of all comparisons: an echo server that is nothing but its system
 * calls. It follows epoll(7): level-triggered, one recv(2) of up to 256 KiB
 * for each event, one send(2). Only what the kernel did not take is kept.
 * There is no layer, no limit and no message, and yet it is correct.
 *
 * recv and send go straight to the socket; read and write pass through the
 * kernel's file layer first, and cost a few percent more for a small message.
 */
#include "start.h"

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 256 * 1024, BATCH = 256, MOST = 1 << 20 };

/* What the kernel did not take. */
typedef struct Rest {
    char *data; /* NULL: it took all */
    size_t first, last;
} Rest;

static _Thread_local char buffer[READ_SIZE];
static Rest rests[MOST]; /* by descriptor */
static int threads;
static int *loops; /* an epoll for each; the first is the main thread's */
static int listener;

static void watch(int loop, int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    if (epoll_ctl(loop, operation, fd, &event) < 0)
        err(1, "epoll_ctl");
}

/* With threads of their own, clients are dealt out to them in turn. */
static void take(void)
{
    static int turn;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int loop = threads ? 1 + turn++ % threads : 0;

    if (fd >= MOST)
        close(fd);
    else if (fd >= 0)
        watch(loops[loop], EPOLL_CTL_ADD, fd, EPOLLIN);
}

static void drop(int fd)
{
    free(rests[fd].data);
    rests[fd].data = NULL;
    close(fd); /* from here on its number may be another client's */
}

/* The rest waits for EPOLLOUT, and reading waits with it. */
static bool send_or_keep(int loop, int fd, const char *data, size_t size)
{
    ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
    Rest *rest = &rests[fd];

    if (sent == (ssize_t)size)
        return true;
    if (sent < 0 && errno != EAGAIN)
        return false;
    rest->first = 0;
    rest->last = size - (size_t)(sent < 0 ? 0 : sent);
    rest->data = malloc(rest->last);
    if (rest->data == NULL)
        return false;
    memcpy(rest->data, data + size - rest->last, rest->last);
    watch(loop, EPOLL_CTL_MOD, fd, EPOLLOUT);
    return true;
}

static bool echo(int loop, int fd)
{
    ssize_t size = recv(fd, buffer, sizeof(buffer), 0);

    if (size > 0)
        return send_or_keep(loop, fd, buffer, (size_t)size);
    return size < 0 && errno == EAGAIN;
}

static bool flush(int loop, int fd)
{
    Rest *rest = &rests[fd];
    ssize_t sent = send(fd, rest->data + rest->first, rest->last - rest->first,
                        MSG_NOSIGNAL);

    if (sent < 0)
        return errno == EAGAIN;
    rest->first += (size_t)sent;
    if (rest->first < rest->last)
        return true;
    free(rest->data);
    rest->data = NULL;
    watch(loop, EPOLL_CTL_MOD, fd, EPOLLIN);
    return true;
}

static void handle(int loop, int fd)
{
    if (fd == listener)
        take();
    else if (!(rests[fd].data ? flush(loop, fd) : echo(loop, fd)))
        drop(fd);
}

static void *run(void *context)
{
    int loop = *(int *)context;
    int count = 0;
    struct epoll_event events[BATCH];

    while (count >= 0 || errno == EINTR) {
        count = epoll_wait(loop, events, BATCH, -1);
        for (int i = 0; i < count; i++)
            handle(loop, events[i].data.fd);
    }
    return NULL;
}

static void stop(int signo)
{
    (void)signo;
    _exit(0);
}

int main(int argc, char **argv)
{
    signal(SIGTERM, stop);
    listener = start_listening(argc, argv, &threads);
    loops = calloc((size_t)threads + 1, sizeof(*loops));
    if (loops == NULL)
        err(1, "loops");
    for (int i = 0; i <= threads; i++) {
        pthread_t thread;
        loops[i] = epoll_create1(EPOLL_CLOEXEC);
        if (loops[i] < 0)
            err(1, "epoll_create1");
        if (i > 0 && pthread_create(&thread, NULL, run, &loops[i]) != 0)
            errx(1, "pthread_create");
    }
    watch(loops[0], EPOLL_CTL_ADD, listener, EPOLLIN);
    start_announce(listener);
    run(&loops[0]);
    err(1, "epoll_wait");
}
