/*
 * The base of all comparisons: what an echo server costs that is nothing but
 * its system calls. Level-triggered epoll, one read of up to 256 KiB for each
 * event, one write; only what the kernel did not take is kept. There is no
 * layer, no limit and no message in it, and yet it is correct.
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

enum { READ_SIZE = 256 * 1024, BATCH = 256 };

typedef struct Client {
    int fd;
    size_t first, last; /* of what was not taken */
    char *rest; /* NULL: all was */
} Client;

static _Thread_local char buffer[READ_SIZE];
static int threads;
static int *loops; /* an epoll for each; the first is the main thread's */
static int listener;

static void watch(int loop, int operation, int fd, uint32_t events, void *owner)
{
    struct epoll_event event = {.events = events, .data.ptr = owner};

    if (epoll_ctl(loop, operation, fd, &event) < 0)
        err(1, "epoll_ctl");
}

/* With threads of their own, clients are dealt out to them in turn. */
static void take(void)
{
    static int turn;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    Client *client = fd < 0 ? NULL : calloc(1, sizeof(*client));

    if (client == NULL)
        return;
    client->fd = fd;
    watch(loops[threads ? 1 + turn++ % threads : 0], EPOLL_CTL_ADD, fd, EPOLLIN,
          client);
}

static void drop(Client *client)
{
    close(client->fd);
    free(client->rest);
    free(client);
}

/* What the kernel does not take waits for EPOLLOUT; reading waits with it. */
static bool send_or_keep(int loop, Client *client, const char *data,
                         size_t size)
{
    ssize_t sent = write(client->fd, data, size);

    if (sent == (ssize_t)size)
        return true;
    if (sent < 0 && errno != EAGAIN)
        return false;
    client->first = 0;
    client->last = size - (size_t)(sent < 0 ? 0 : sent);
    client->rest = malloc(client->last);
    if (client->rest == NULL)
        return false;
    memcpy(client->rest, data + size - client->last, client->last);
    watch(loop, EPOLL_CTL_MOD, client->fd, EPOLLOUT, client);
    return true;
}

static bool echo(int loop, Client *client)
{
    ssize_t size = read(client->fd, buffer, sizeof(buffer));

    if (size > 0)
        return send_or_keep(loop, client, buffer, (size_t)size);
    return size < 0 && errno == EAGAIN;
}

static bool flush(int loop, Client *client)
{
    ssize_t sent = write(client->fd, client->rest + client->first,
                         client->last - client->first);

    if (sent < 0)
        return errno == EAGAIN;
    client->first += (size_t)sent;
    if (client->first < client->last)
        return true;
    free(client->rest);
    client->rest = NULL;
    watch(loop, EPOLL_CTL_MOD, client->fd, EPOLLIN, client);
    return true;
}

static void *run(void *context)
{
    int loop = *(int *)context;
    int count = 0;
    struct epoll_event events[BATCH];

    while (count >= 0 || errno == EINTR) {
        count = epoll_wait(loop, events, BATCH, -1);
        for (int i = 0; i < count; i++) {
            Client *client = events[i].data.ptr;
            if (client == NULL)
                take();
            else if (!(client->rest ? flush(loop, client) : echo(loop, client)))
                drop(client);
        }
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
    watch(loops[0], EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
    start_announce(listener);
    run(&loops[0]);
    err(1, "epoll_wait");
}
