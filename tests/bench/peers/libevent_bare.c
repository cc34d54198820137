/*
 * The echo server on libevent's events alone, in the way of the libevent
 * book, "A tiny introduction to asynchronous IO": event_new with EV_PERSIST,
 * one event to read and one to write. The event to write exists only while
 * something is left. libevent says when; the program calls recv and send.
 */
#include "start.h"

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

enum { READ_SIZE = 256 * 1024 };

typedef struct Client {
    struct event *input;
    struct event *output; /* NULL: nothing is left to write */
    size_t first, last; /* of what was not taken */
    char *rest;
} Client;

static char buffer[READ_SIZE];
static struct event_base *base;

static void drop(Client *client)
{
    int fd = event_get_fd(client->input);

    event_free(client->input);
    if (client->output != NULL)
        event_free(client->output);
    close(fd);
    free(client->rest);
    free(client);
}

/* Returns how much the kernel took, or -1 when the client has gone. */
static ssize_t send_some(int fd, const char *data, size_t size)
{
    ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);

    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

static void on_output(evutil_socket_t fd, short events, void *context)
{
    Client *client = context;
    ssize_t sent = send_some(fd, client->rest + client->first,
                             client->last - client->first);

    (void)events;
    if (sent < 0) {
        drop(client);
        return;
    }
    client->first += (size_t)sent;
    if (client->first < client->last)
        return;
    free(client->rest);
    event_free(client->output);
    client->rest = NULL;
    client->output = NULL;
    event_add(client->input, NULL);
}

static void keep(Client *client, const char *data, size_t size)
{
    client->rest = malloc(size);
    client->output = event_new(base, event_get_fd(client->input),
                               EV_WRITE | EV_PERSIST, on_output, client);
    if (client->rest == NULL || client->output == NULL) {
        drop(client);
        return;
    }
    memcpy(client->rest, data, size);
    client->first = 0;
    client->last = size;
    event_del(client->input);
    event_add(client->output, NULL);
}

static void on_input(evutil_socket_t fd, short events, void *context)
{
    Client *client = context;
    ssize_t size = recv(fd, buffer, sizeof(buffer), 0);

    (void)events;
    if (size < 0 && errno == EAGAIN)
        return;
    ssize_t sent = size <= 0 ? -1 : send_some(fd, buffer, (size_t)size);
    if (sent < 0)
        drop(client);
    else if (sent < size)
        keep(client, buffer + sent, (size_t)(size - sent));
}

static void on_newcomer(evutil_socket_t listener, short events, void *context)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    Client *client = fd < 0 ? NULL : calloc(1, sizeof(*client));

    (void)events;
    (void)context;
    if (client == NULL)
        return;
    client->input = event_new(base, fd, EV_READ | EV_PERSIST, on_input, client);
    if (client->input == NULL || event_add(client->input, NULL) < 0)
        err(1, "event");
}

static void on_signal(evutil_socket_t signo, short events, void *context)
{
    (void)signo;
    (void)events;
    (void)context;
    event_base_loopbreak(base);
}

int main(int argc, char **argv)
{
    int listener = start_listening(argc, argv, NULL);

    base = event_base_new();
    if (base == NULL)
        errx(1, "event_base_new");
    struct event *newcomers =
        event_new(base, listener, EV_READ | EV_PERSIST, on_newcomer, NULL);
    struct event *stop = evsignal_new(base, SIGTERM, on_signal, NULL);
    if (newcomers == NULL || stop == NULL || event_add(newcomers, NULL) < 0 ||
        event_add(stop, NULL) < 0)
        errx(1, "event");
    start_announce(listener);
    event_base_dispatch(base);
    event_free(newcomers);
    event_free(stop);
    event_base_free(base);
    return 0;
}
