#include "tcp_server.h"
#include "acceptor.h"
#include "connection_table.h"
#include "log.h"
#include "reactor.h"
#include "socket.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct TcpServer {
    EventLoop *loop;
    const Options *options;
    Acceptor acceptor;
    ConnectionGroup group;
    Reactor *reactors;
    unsigned reactor_count;
    unsigned next; /* the reactor that gets the next connection */
    ThreadPool *io_threads;
    pthread_mutex_t lock; /* guards the table and open */
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

    pthread_mutex_lock(&server->lock);
    say(server, "closed", connection_peer(connection));
    connection_table_remove(&server->table, connection);
    server->open--;
    pthread_mutex_unlock(&server->lock);
    connection_destroy(connection);
}

/* The reactors get the connections in turn. */
static Reactor *next_reactor(TcpServer *server)
{
    return &server->reactors[server->next++ % server->reactor_count];
}

/* Returns NULL when there is no memory; then that has been said. */
static Connection *add_connection(TcpServer *server, int fd,
                                  const InetAddress *peer)
{
    Connection *connection =
        connection_create(&server->group, next_reactor(server)->loop, fd, peer);

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

    pthread_mutex_lock(&server->lock);
    if (is_full(server))
        refuse(server, fd, peer);
    else
        connection = add_connection(server, fd, peer);
    pthread_mutex_unlock(&server->lock);
    if (connection != NULL && connection_open(connection) < 0)
        on_ended(server, connection);
}

static int open_reactors(TcpServer *server)
{
    unsigned threads = server->options->io_threads;
    unsigned wanted = threads > 0 ? threads : 1;

    server->reactors = calloc(wanted, sizeof(*server->reactors));
    if (server->reactors == NULL) {
        log_error("reactors");
        return -1;
    }
    for (; server->reactor_count < wanted; server->reactor_count++) {
        Reactor *reactor = &server->reactors[server->reactor_count];
        if (reactor_open(reactor, server->loop, threads > 0) < 0)
            return -1;
        if (server->options->delay > 0 && server->options->workers == 0)
            event_loop_expect_delays(reactor->loop);
    }
    return 0;
}

static int start_workers(TcpServer *server)
{
    unsigned workers = server->options->workers;

    if (workers == 0)
        return 0;
    server->group.workers = thread_pool_create(workers);
    return server->group.workers == NULL ? -1 : 0;
}

static int start_threads(TcpServer *server)
{
    server->io_threads = thread_pool_create(server->options->io_threads);
    if (server->io_threads == NULL)
        return -1;
    for (unsigned i = 0; i < server->reactor_count; i++)
        reactor_start(&server->reactors[i], server->io_threads);
    return 0;
}

/* Waits until no thread but the main one touches a connection any more. */
static void stop_threads(TcpServer *server)
{
    for (unsigned i = 0; i < server->reactor_count; i++)
        event_loop_quit(server->reactors[i].loop);
    if (server->io_threads != NULL)
        thread_pool_destroy(server->io_threads);
    if (server->group.workers != NULL)
        thread_pool_destroy(server->group.workers);
}

static int close_reactors(TcpServer *server)
{
    int result = 0;

    for (unsigned i = 0; i < server->reactor_count; i++)
        if (reactor_close(&server->reactors[i]) < 0)
            result = -1;
    free(server->reactors);
    return result;
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
    pthread_mutex_init(&server->lock, NULL);
    if (start_workers(server) < 0 || open_reactors(server) < 0 ||
        start_threads(server) < 0)
        goto stop_threads;
    if (acceptor_open(&server->acceptor, loop, listener, on_client, server) < 0)
        goto stop_threads;
    return server;
stop_threads:
    stop_threads(server);
    close_reactors(server);
    pthread_mutex_destroy(&server->lock);
    free(server);
    return NULL;
}

int tcp_server_destroy(TcpServer *server)
{
    acceptor_close(&server->acceptor);
    stop_threads(server);
    connection_table_visit(&server->table, on_ended, server);
    connection_table_reset(&server->table);
    int result = close_reactors(server);
    pthread_mutex_destroy(&server->lock);
    free(server);
    return result;
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

int tcp_server_serve(int listener, bool announce, const Options *options,
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
    if (!announce || socket_announce(listener) == 0)
        result = event_loop_run(loop);
    if (tcp_server_destroy(server) < 0)
        result = -1;
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

    if (listener < 0)
        return -1;
    return tcp_server_serve(listener, true, options, handler);
}
