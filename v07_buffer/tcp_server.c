#include "tcp_server.h"
#include "acceptor.h"
#include "connection_table.h"
#include "log.h"
#include "socket.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct TcpServer {
    EventLoop *loop;
    const Options *options;
    Acceptor acceptor;
    ConnectionGroup group;
    ConnectionTable table;
    unsigned open; /* how many the table holds */
};

static void say(const TcpServer *server, const char *what,
                const InetAddress *peer)
{
    char text[INET_ADDRESS_TEXT];

    if (server->options->verbose)
        log_line("%s %s", what, inet_address_format(peer, text));
}

static bool is_full(const TcpServer *server)
{
    unsigned limit = server->options->connections;

    return limit > 0 && server->open >= limit;
}

static void on_ended(void *owner, Connection *connection)
{
    TcpServer *server = owner;

    say(server, "closed", connection_peer(connection));
    connection_table_remove(&server->table, connection);
    server->open--;
    connection_destroy(connection);
}

/* Returns NULL when there is no memory; then that has been said. */
static Connection *add_connection(TcpServer *server, int fd,
                                  const InetAddress *peer)
{
    Connection *connection =
        connection_create(&server->group, server->loop, fd, peer);

    if (connection == NULL)
        return NULL;
    if (connection_table_put(&server->table, connection) < 0) {
        log_error("connection table");
        connection_destroy(connection);
        return NULL;
    }
    server->open++;
    say(server, "opened", peer);
    return connection;
}

static void refuse(TcpServer *server, int fd, const InetAddress *peer)
{
    char text[INET_ADDRESS_TEXT];

    log_line("refused %s: %u connections are open",
             inet_address_format(peer, text), server->options->connections);
    close(fd);
}

static void on_client(void *context, int fd, const InetAddress *peer)
{
    TcpServer *server = context;
    Connection *connection = NULL;

    if (is_full(server))
        refuse(server, fd, peer);
    else
        connection = add_connection(server, fd, peer);
    if (connection != NULL && connection_open(connection) < 0)
        on_ended(server, connection);
}

TcpServer *tcp_server_create(EventLoop *loop, int listener,
                             const Options *options,
                             const ConnectionHandler *handler)
{
    TcpServer *server = calloc(1, sizeof(*server));

    if (server == NULL) {
        log_error("server");
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
    if (options->delay > 0)
        event_loop_expect_delays(loop);
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
    connection_table_visit(&server->table, on_ended, server);
    connection_table_reset(&server->table);
    free(server);
}

static void on_stop(void *context)
{
    event_loop_quit(context);
}

static int catch_signals(EventLoop *loop)
{
    if (event_loop_catch_signal(loop, SIGINT, on_stop, loop) < 0)
        return -1;
    return event_loop_catch_signal(loop, SIGTERM, on_stop, loop);
}

/* Owns the listening socket. */
static int serve(int listener, const Options *options,
                 const ConnectionHandler *handler)
{
    EventLoop *loop = event_loop_create();
    TcpServer *server;
    int result = -1;

    if (loop == NULL)
        goto close_listener;
    if (catch_signals(loop) < 0)
        goto destroy_loop;
    server = tcp_server_create(loop, listener, options, handler);
    if (server == NULL)
        goto destroy_loop;
    if (socket_announce(listener) == 0)
        result = event_loop_run(loop);
    tcp_server_destroy(server);
    event_loop_destroy(loop);
    return result;
destroy_loop:
    event_loop_destroy(loop);
close_listener:
    close(listener);
    return result;
}

int tcp_server_run(const Options *options, const ConnectionHandler *handler)
{
    int listener = socket_listen(&options->address);

    return listener < 0 ? -1 : serve(listener, options, handler);
}
