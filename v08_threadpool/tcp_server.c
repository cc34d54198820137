#include "tcp_server.h"
#include "acceptor.h"
#include "connection_table.h"
#include "socket.h"

#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* An I/O thread: it runs a loop of its own. */
typedef struct Reactor {
    EventLoop *loop;
    EventLoop *main_loop;
    Task task;
} Reactor;

struct TcpServer {
    EventLoop *loop;
    const Options *options;
    Acceptor acceptor;
    ConnectionGroup group;
    Reactor *reactors;
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

/* In turn; without I/O threads the main loop serves all. */
static EventLoop *next_loop(TcpServer *server)
{
    unsigned count = server->options->io_threads;

    return count ? server->reactors[server->next++ % count].loop : server->loop;
}

static void open_connection(TcpServer *server, int fd, const InetAddress *peer)
{
    Connection *connection =
        connection_create(&server->group, next_loop(server), fd, peer);

    if (connection == NULL)
        return;
    if (connection_table_put(&server->table, connection) < 0) {
        warn("connection table");
        connection_destroy(connection);
        return;
    }
    server->open++;
    say(server, "opened", peer);
}

static void on_client(void *context, int fd, const InetAddress *peer)
{
    TcpServer *server = context;

    pthread_mutex_lock(&server->lock);
    if (is_full(server, peer))
        close(fd);
    else
        open_connection(server, fd, peer);
    pthread_mutex_unlock(&server->lock);
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

/* A loop that can't go on ends the server. */
static void run_reactor(void *context)
{
    Reactor *reactor = context;

    if (event_loop_run(reactor->loop) < 0)
        event_loop_quit(reactor->main_loop);
}

static int start_threads(TcpServer *server)
{
    unsigned count = server->options->io_threads;
    unsigned workers = server->options->workers;

    server->reactors = calloc(count + 1, sizeof(*server->reactors));
    if (server->reactors == NULL) {
        warn("reactors");
        return -1;
    }
    for (unsigned i = 0; i < count; i++) {
        Reactor *reactor = &server->reactors[i];
        reactor->main_loop = server->loop;
        reactor->loop = event_loop_create();
        if (reactor->loop == NULL)
            return -1;
    }
    server->io_threads = thread_pool_create(count);
    server->group.workers = workers ? thread_pool_create(workers) : NULL;
    if (server->io_threads == NULL || (workers && !server->group.workers))
        return -1;
    for (unsigned i = 0; i < count; i++) {
        Reactor *reactor = &server->reactors[i];
        reactor->task = (Task){.run = run_reactor, .context = reactor};
        thread_pool_submit(server->io_threads, &reactor->task);
    }
    return 0;
}

/* Also what start_threads did not bring to an end. */
static void stop_threads(TcpServer *server)
{
    unsigned count = server->reactors ? server->options->io_threads : 0;

    for (unsigned i = 0; i < count; i++)
        if (server->reactors[i].loop != NULL)
            event_loop_quit(server->reactors[i].loop);
    if (server->io_threads != NULL)
        thread_pool_destroy(server->io_threads);
    if (server->group.workers != NULL)
        thread_pool_destroy(server->group.workers);
    for (unsigned i = 0; i < count; i++)
        if (server->reactors[i].loop != NULL)
            event_loop_destroy(server->reactors[i].loop);
    free(server->reactors);
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
    pthread_mutex_init(&server->lock, NULL);
    if (start_threads(server) < 0)
        goto stop_threads;
    if (acceptor_open(&server->acceptor, loop, listener, on_client, server) < 0)
        goto stop_threads;
    return server;
stop_threads:
    stop_threads(server);
    pthread_mutex_destroy(&server->lock);
    free(server);
    return NULL;
}

void tcp_server_destroy(TcpServer *server)
{
    acceptor_close(&server->acceptor);
    stop_threads(server);
    connection_table_visit(&server->table, on_ended, server);
    connection_table_reset(&server->table);
    pthread_mutex_destroy(&server->lock);
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

    if (listener < 0)
        return -1;
    return tcp_server_serve(listener, true, options, handler);
}
