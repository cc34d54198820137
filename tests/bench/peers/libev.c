/*
 * The echo server on libev, in the way of its manual, ev(3): "ev_io", one
 * watcher for each direction, and "Associating custom data with a watcher".
 * The watcher for output is started only while something is left to write.
 * libev says when; the program calls recv and send by itself.
 */
#include "start.h"

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ev.h>

enum { READ_SIZE = 256 * 1024 };

typedef struct Client {
    ev_io input;
    ev_io output;
    size_t first, last; /* of what was not taken */
    char *rest;
} Client;

static char buffer[READ_SIZE];

static void drop(struct ev_loop *loop, Client *client)
{
    ev_io_stop(loop, &client->input);
    ev_io_stop(loop, &client->output);
    close(client->input.fd);
    free(client->rest);
    free(client);
}

/* Returns how much the kernel took, or -1 when the client has gone. */
static ssize_t send_some(int fd, const char *data, size_t size)
{
    ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);

    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

static void keep(struct ev_loop *loop, Client *client, const char *data,
                 size_t size)
{
    client->rest = malloc(size);
    if (client->rest == NULL) {
        drop(loop, client);
        return;
    }
    memcpy(client->rest, data, size);
    client->first = 0;
    client->last = size;
    ev_io_stop(loop, &client->input);
    ev_io_start(loop, &client->output);
}

static void on_input(struct ev_loop *loop, ev_io *watcher, int events)
{
    Client *client = watcher->data;
    ssize_t size = recv(watcher->fd, buffer, sizeof(buffer), 0);

    (void)events;
    if (size < 0 && errno == EAGAIN)
        return;
    ssize_t sent =
        size <= 0 ? -1 : send_some(watcher->fd, buffer, (size_t)size);
    if (sent < 0)
        drop(loop, client);
    else if (sent < size)
        keep(loop, client, buffer + sent, (size_t)(size - sent));
}

static void on_output(struct ev_loop *loop, ev_io *watcher, int events)
{
    Client *client = watcher->data;
    ssize_t sent = send_some(watcher->fd, client->rest + client->first,
                             client->last - client->first);

    (void)events;
    if (sent < 0) {
        drop(loop, client);
        return;
    }
    client->first += (size_t)sent;
    if (client->first < client->last)
        return;
    free(client->rest);
    client->rest = NULL;
    ev_io_stop(loop, &client->output);
    ev_io_start(loop, &client->input);
}

static void on_newcomer(struct ev_loop *loop, ev_io *watcher, int events)
{
    int fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    Client *client = fd < 0 ? NULL : calloc(1, sizeof(*client));

    (void)events;
    if (client == NULL)
        return;
    ev_io_init(&client->input, on_input, fd, EV_READ);
    ev_io_init(&client->output, on_output, fd, EV_WRITE);
    client->input.data = client->output.data = client;
    ev_io_start(loop, &client->input);
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
    (void)watcher;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

int main(int argc, char **argv)
{
    int listener = start_listening(argc, argv, NULL);
    struct ev_loop *loop = ev_default_loop(EVBACKEND_EPOLL);
    ev_io newcomers;
    ev_signal stop;

    if (loop == NULL)
        errx(1, "ev_default_loop");
    ev_io_init(&newcomers, on_newcomer, listener, EV_READ);
    ev_io_start(loop, &newcomers);
    ev_signal_init(&stop, on_signal, SIGTERM);
    ev_signal_start(loop, &stop);
    start_announce(listener);
    ev_run(loop, 0);
    return 0;
}
