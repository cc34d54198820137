/*
 * The echo server on libevent's bufferevents, in the way of the libevent
 * book, "Connection listeners": evconnlistener, and a read callback that
 * moves all bytes from the input to the output. The library reads, writes
 * and buffers. The watermarks are those of the book's "Bufferevents".
 */
#include "start.h"

#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

static struct event_base *base;

static size_t unsent(struct bufferevent *client)
{
    return evbuffer_get_length(bufferevent_get_output(client));
}

/* A client that does not read is not read from. */
static void on_input(struct bufferevent *client, void *context)
{
    (void)context;
    bufferevent_write_buffer(client, bufferevent_get_input(client));
    if (unsent(client) >= HIGH_WATER)
        bufferevent_disable(client, EV_READ);
}

static void on_drained(struct bufferevent *client, void *context)
{
    (void)context;
    if (!(bufferevent_get_enabled(client) & EV_READ))
        bufferevent_enable(client, EV_READ);
}

static void on_all_sent(struct bufferevent *client, void *context)
{
    (void)context;
    if (unsent(client) == 0)
        bufferevent_free(client);
}

static void on_failure(struct bufferevent *client, short events, void *context)
{
    (void)events;
    (void)context;
    bufferevent_free(client);
}

/* After the client's end of file, what is left is still sent. */
static void on_event(struct bufferevent *client, short events, void *context)
{
    if (!(events & BEV_EVENT_EOF) || unsent(client) == 0) {
        on_failure(client, events, context);
        return;
    }
    bufferevent_setwatermark(client, EV_WRITE, 0, 0);
    bufferevent_setcb(client, NULL, on_all_sent, on_failure, NULL);
}

static void on_newcomer(struct evconnlistener *listener, evutil_socket_t fd,
                        struct sockaddr *peer, int size, void *context)
{
    struct bufferevent *client =
        bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

    (void)listener;
    (void)peer;
    (void)size;
    (void)context;
    if (client == NULL)
        errx(1, "bufferevent_socket_new");
    bufferevent_setcb(client, on_input, on_drained, on_event, NULL);
    bufferevent_setwatermark(client, EV_WRITE, HIGH_WATER / 2, 0);
    bufferevent_enable(client, EV_READ | EV_WRITE);
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
    int fd = start_listening(argc, argv, NULL);

    base = event_base_new();
    if (base == NULL)
        errx(1, "event_base_new");
    struct evconnlistener *listener = evconnlistener_new(
        base, on_newcomer, NULL, LEV_OPT_CLOSE_ON_FREE, 0, fd);
    struct event *stop = evsignal_new(base, SIGTERM, on_signal, NULL);
    if (listener == NULL || stop == NULL || event_add(stop, NULL) < 0)
        errx(1, "libevent");
    start_announce(fd);
    event_base_dispatch(base);
    evconnlistener_free(listener);
    event_free(stop);
    event_base_free(base);
    return 0;
}
