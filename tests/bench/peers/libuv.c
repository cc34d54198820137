/*
 * The echo server on libuv, in the way of its guide, "Networking":
 * uv_read_start, and uv_write with a request that holds the bytes. Two things
 * are as the reference of uv_stream_t allows: uv_try_write comes first, and
 * needs no request when all goes out; one buffer is lent to every read, since
 * it is free again when the callback returns.
 */
#include "start.h"

#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

enum { READ_SIZE = 256 * 1024 };

typedef struct Rest {
    uv_write_t request;
    char data[];
} Rest;

static char buffer[READ_SIZE];

static void on_closed(uv_handle_t *client)
{
    free(client);
}

static void drop(uv_handle_t *client)
{
    if (!uv_is_closing(client))
        uv_close(client, on_closed);
}

/* One buffer for all: what it holds is sent or copied before the next read. */
static void lend(uv_handle_t *client, size_t suggested, uv_buf_t *lent)
{
    (void)client;
    (void)suggested;
    *lent = uv_buf_init(buffer, sizeof(buffer));
}

static void on_input(uv_stream_t *client, ssize_t size, const uv_buf_t *lent);

static void on_written(uv_write_t *request, int status)
{
    uv_stream_t *client = request->handle;

    free(request);
    if (status < 0 || uv_read_start(client, lend, on_input) < 0)
        drop((uv_handle_t *)client);
}

static void keep(uv_stream_t *client, const char *data, size_t size)
{
    Rest *rest = malloc(sizeof(*rest) + size);

    if (rest == NULL) {
        drop((uv_handle_t *)client);
        return;
    }
    memcpy(rest->data, data, size);
    uv_buf_t piece = uv_buf_init(rest->data, (unsigned)size);
    uv_read_stop(client);
    if (uv_write(&rest->request, client, &piece, 1, on_written) == 0)
        return;
    free(rest);
    drop((uv_handle_t *)client);
}

static void on_input(uv_stream_t *client, ssize_t size, const uv_buf_t *lent)
{
    if (size <= 0) {
        if (size < 0)
            drop((uv_handle_t *)client);
        return;
    }
    uv_buf_t piece = uv_buf_init(lent->base, (unsigned)size);
    int sent = uv_try_write(client, &piece, 1);
    if (sent == UV_EAGAIN)
        sent = 0;
    if (sent < 0)
        drop((uv_handle_t *)client);
    else if (sent < size)
        keep(client, lent->base + sent, (size_t)(size - sent));
}

static void on_newcomer(uv_stream_t *listener, int status)
{
    uv_tcp_t *client = status < 0 ? NULL : calloc(1, sizeof(*client));

    if (client == NULL)
        return;
    uv_tcp_init(listener->loop, client);
    if (uv_accept(listener, (uv_stream_t *)client) < 0 ||
        uv_read_start((uv_stream_t *)client, lend, on_input) < 0)
        drop((uv_handle_t *)client);
}

static void on_signal(uv_signal_t *watcher, int signo)
{
    (void)signo;
    uv_stop(watcher->loop);
}

int main(int argc, char **argv)
{
    int fd = start_listening(argc, argv, NULL);
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    uv_signal_t stop;

    uv_tcp_init(loop, &listener);
    uv_signal_init(loop, &stop);
    if (uv_tcp_open(&listener, fd) < 0 ||
        uv_listen((uv_stream_t *)&listener, SOMAXCONN, on_newcomer) < 0 ||
        uv_signal_start(&stop, on_signal, SIGTERM) < 0)
        errx(1, "libuv");
    start_announce(fd);
    uv_run(loop, UV_RUN_DEFAULT);
    return 0;
}
