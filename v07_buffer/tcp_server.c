#include "tcp_server.h"
#include "acceptor.h"
#include "socket.h"

#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct TcpServer {
    EventLoop *loop;
    const Options *options;
    Acceptor acceptor;
    ConnectionGroup group;
    Connection **table; /* by descriptor; NULL: none */
    size_t table_size;
    unsigned open; /* how many the table holds */
};

static void say(const TcpServer *server, const char *what,
                const InetAddress *peer)
{
    char text[INET_ADDRESS_TEXT];

    if (server->options->verbose)
        warnx("%s %s", what, inet_address_format(peer, text));
}

static bool is_full(const TcpServer *server, const InetAddress *peer)
{
    char text[INET_ADDRESS_TEXT];
    unsigned limit = server->options->connections;

    if (limit == 0 || server->open < limit)
        return false;
    warnx("refused %s: %u connections are open",
          inet_address_format(peer, text), limit);
    return true;
}

/* Makes the table long enough for fd. Returns 0, or -1; then it was said. */
static int make_place(TcpServer *server, int fd)
{
    size_t size = server->table_size;

    if ((size_t)fd < size)
        return 0;
    while (size <= (size_t)fd)
        size = size ? size * 2 : 64;
    Connection **table = realloc(server->table, size * sizeof(*table));
    if (table == NULL) {
        warn("connection table");
        return -1;
    }
    memset(table + server->table_size, 0,
           (size - server->table_size) * sizeof(*table));
    server->table = table;
    server->table_size = size;
    return 0;
}

static void open_connection(TcpServer *server, int fd, const InetAddress *peer)
{
    Connection *connection =
        connection_create(&server->group, server->loop, fd, peer);

    if (connection == NULL)
        return;
    server->table[fd] = connection;
    server->open++;
    say(server, "opened", peer);
}

static void on_client(void *context, int fd, const InetAddress *peer)
{
    TcpServer *server = context;

    if (is_full(server, peer) || make_place(server, fd) < 0)
        close(fd);
    else
        open_connection(server, fd, peer);
}

static void on_ended(void *owner, Connection *connection)
{
    TcpServer *server = owner;

    say(server, "closed", connection_peer(connection));
    server->table[connection_fd(connection)] = NULL;
    server->open--;
    connection_destroy(connection);
}

TcpServer *tcp_server_create(EventLoop *loop, int listener,
                             const Options *options,
                             const ConnectionHandler *handler)
{
    TcpServer *server = calloc(1, sizeof(*server));

    if (server == NULL) {
        warn("server");
        return NULL;
    }
    server->loop = loop;
    server->options = options;
    server->group = (ConnectionGroup){
        .options = options,
        .handler = *handler,
        .on_ended = on_ended,
        .owner = server,
    };
    if (acceptor_open(&server->acceptor, loop, listener, on_client, server) < 0)
        goto free_server;
    return server;
free_server:
    free(server);
    return NULL;
}

void tcp_server_destroy(TcpServer *server)
{
    acceptor_close(&server->acceptor);
    for (size_t fd = 0; fd < server->table_size; fd++)
        if (server->table[fd] != NULL)
            on_ended(server, server->table[fd]);
    free(server->table);
    free(server);
}

static void on_stop(void *context)
{
    event_loop_quit(context);
}

static int catch_signals(EventLoop *loop)
{
    signal(SIGPIPE, SIG_IGN); /* write(2) fails with EPIPE instead */
    if (event_loop_catch_signal(loop, SIGINT, on_stop, loop) < 0)
        return -1;
    return event_loop_catch_signal(loop, SIGTERM, on_stop, loop);
}

int tcp_server_run(const Options *options, const ConnectionHandler *handler)
{
    EventLoop *loop = event_loop_create();
    TcpServer *server;
    int listener;
    int result = -1;

    if (loop == NULL)
        return -1;
    if (catch_signals(loop) < 0)
        goto destroy_loop;
    listener = socket_listen(&options->address);
    if (listener < 0)
        goto destroy_loop;
    server = tcp_server_create(loop, listener, options, handler);
    if (server == NULL)
        goto close_listener;
    if (socket_announce(listener) == 0)
        result = event_loop_run(loop);
    tcp_server_destroy(server);
close_listener:
    close(listener);
destroy_loop:
    event_loop_destroy(loop);
    return result;
}
