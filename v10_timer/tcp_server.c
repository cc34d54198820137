#include "tcp_server.h"
#include "acceptor.h"
#include "connection_table.h"
#include "socket.h"

#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* How long a server that is to stop waits for its clients. */
static const int64_t DRAIN_TIME = 3000000000; /* nanoseconds */

/* A loop that serves connections: an I/O thread's, or the main one. */
typedef struct Reactor {
    TcpServer *server;
    EventLoop *loop;
    ConnectionGroup group;
    ConnectionTable table; /* its loop's thread alone touches it */
    Task run;
    Task drain;
    Task report;
    Statistics statistics; /* as of the last report; the main loop's */
} Reactor;

struct TcpServer {
    EventLoop *loop;
    const Options *options;
    Acceptor acceptor;
    Reactor *reactors;
    unsigned reactor_count;
    unsigned next; /* the reactor that gets the next connection */
    ThreadPool *io_threads;
    ThreadPool *workers;
    Statistics refused; /* connections that no reactor got */
    unsigned reports; /* that have not come yet */
    pthread_mutex_t lock; /* guards open and draining */
    unsigned open; /* connections, of all reactors */
    bool draining;
};

static void say(const TcpServer *server, const char *what,
                const InetAddress *peer)
{
    char text[INET_ADDRESS_TEXT];

    if (server->options->verbose)
        warnx("%s %s", what, inet_address_format(peer, text));
}

static bool is_full(TcpServer *server, const InetAddress *peer)
{
    char text[INET_ADDRESS_TEXT];
    unsigned limit = server->options->connections;

    pthread_mutex_lock(&server->lock);
    bool full = limit > 0 && server->open >= limit;
    pthread_mutex_unlock(&server->lock);
    if (full)
        warnx("refused %s: %u connections are open",
              inet_address_format(peer, text), limit);
    return full;
}

static int on_opened(void *owner, Connection *connection)
{
    Reactor *reactor = owner;

    if (connection_table_put(&reactor->table, connection) < 0) {
        warn("connection table");
        return -1;
    }
    say(reactor->server, "opened", connection_peer(connection));
    return 0;
}

static void on_ended(void *owner, Connection *connection)
{
    Reactor *reactor = owner;
    TcpServer *server = reactor->server;

    say(server, "closed", connection_peer(connection));
    connection_table_remove(&reactor->table, connection);
    connection_destroy(connection);
    pthread_mutex_lock(&server->lock);
    server->open--;
    bool last = server->draining && server->open == 0;
    pthread_mutex_unlock(&server->lock);
    if (last)
        event_loop_quit(server->loop);
}

/* The reactors get the connections in turn. */
static Reactor *next_reactor(TcpServer *server)
{
    return &server->reactors[server->next++ % server->reactor_count];
}

static void on_client(void *context, int fd, const InetAddress *peer)
{
    TcpServer *server = context;
    Connection *connection;

    if (is_full(server, peer)) {
        server->refused.accepted++;
        server->refused.closed[LIMIT]++;
        close(fd);
        return;
    }
    connection = connection_create(&next_reactor(server)->group, fd, peer);
    if (connection == NULL)
        return;
    pthread_mutex_lock(&server->lock);
    server->open++;
    pthread_mutex_unlock(&server->lock);
    connection_open(connection);
}

/* A loop that can't go on ends the server. */
static void run_reactor(void *context)
{
    Reactor *reactor = context;

    if (event_loop_run(reactor->loop) < 0)
        event_loop_quit(reactor->server->loop);
}

static void drain_connection(void *context, Connection *connection)
{
    (void)context;
    connection_drain(connection);
}

static void drain_reactor(void *context)
{
    Reactor *reactor = context;

    connection_table_visit(&reactor->table, drain_connection, NULL);
}

/* In one piece, so that nothing comes in between. */
static void print_report(TcpServer *server)
{
    Statistics all = server->refused;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL) {
        warn("statistics");
        return;
    }
    for (unsigned i = 0; i < server->reactor_count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "loop %u", i + 1);
        statistics_print(out, name, &server->reactors[i].statistics);
        statistics_add(&all, &server->reactors[i].statistics);
    }
    statistics_print(out, "all", &all);
    if (fclose(out) == 0)
        fputs(text, stderr);
    free(text);
}

/* On the main loop: a reactor's numbers are there. */
static void handle_report(void *context)
{
    Reactor *reactor = context;

    if (--reactor->server->reports == 0)
        print_report(reactor->server);
}

/* On the reactor's loop: its numbers may be copied while nothing changes. */
static void make_report(void *context)
{
    Reactor *reactor = context;
    Statistics *statistics = &reactor->statistics;

    *statistics = reactor->group.statistics;
    statistics->timers = event_loop_timers(reactor->loop)->count;
    event_loop_count(reactor->loop, &statistics->queued, &statistics->woken);
    reactor->report.run = handle_report;
    event_loop_queue_in_loop(reactor->server->loop, &reactor->report);
}

static void report(TcpServer *server)
{
    if (server->reports > 0)
        return;
    server->reports = server->reactor_count;
    for (unsigned i = 0; i < server->reactor_count; i++) {
        Reactor *reactor = &server->reactors[i];
        reactor->report = (Task){.run = make_report, .context = reactor};
        event_loop_queue_in_loop(reactor->loop, &reactor->report);
    }
}

static int create_reactors(TcpServer *server, const ConnectionHandler *handler)
{
    unsigned threads = server->options->io_threads;
    unsigned count = threads > 0 ? threads : 1;

    server->reactors = calloc(count, sizeof(*server->reactors));
    if (server->reactors == NULL) {
        warn("reactors");
        return -1;
    }
    for (; server->reactor_count < count; server->reactor_count++) {
        Reactor *reactor = &server->reactors[server->reactor_count];
        reactor->server = server;
        reactor->loop = threads > 0 ? event_loop_create() : server->loop;
        if (reactor->loop == NULL)
            return -1;
        reactor->group = (ConnectionGroup){
            .loop = reactor->loop,
            .options = server->options,
            .workers = server->workers,
            .handler = *handler,
            .on_opened = on_opened,
            .on_ended = on_ended,
            .owner = reactor,
        };
        reactor->run = (Task){.run = run_reactor, .context = reactor};
        reactor->drain = (Task){.run = drain_reactor, .context = reactor};
    }
    return 0;
}

static int start_workers(TcpServer *server)
{
    if (server->options->workers == 0)
        return 0;
    server->workers = thread_pool_create(server->options->workers);
    return server->workers == NULL ? -1 : 0;
}

static int start_threads(TcpServer *server)
{
    unsigned threads = server->options->io_threads;

    server->io_threads = thread_pool_create(threads);
    if (server->io_threads == NULL)
        return -1;
    for (unsigned i = 0; i < threads; i++)
        thread_pool_submit(server->io_threads, &server->reactors[i].run);
    return 0;
}

/* Waits until no thread but the main one touches a connection any more. */
static void stop_threads(TcpServer *server)
{
    for (unsigned i = 0; i < server->reactor_count; i++)
        event_loop_quit(server->reactors[i].loop);
    if (server->io_threads != NULL)
        thread_pool_destroy(server->io_threads);
    if (server->workers != NULL)
        thread_pool_destroy(server->workers);
}

static void destroy_reactors(TcpServer *server)
{
    for (unsigned i = 0; i < server->reactor_count; i++) {
        Reactor *reactor = &server->reactors[i];
        connection_table_visit(&reactor->table, on_ended, reactor);
        connection_table_reset(&reactor->table);
        if (reactor->loop != server->loop)
            event_loop_destroy(reactor->loop);
    }
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
    pthread_mutex_init(&server->lock, NULL);
    if (start_workers(server) < 0 || create_reactors(server, handler) < 0 ||
        start_threads(server) < 0)
        goto stop_threads;
    if (acceptor_open(&server->acceptor, loop, listener, on_client, server) < 0)
        goto stop_threads;
    return server;
stop_threads:
    stop_threads(server);
    destroy_reactors(server);
    pthread_mutex_destroy(&server->lock);
    free(server);
    return NULL;
}

void tcp_server_destroy(TcpServer *server)
{
    acceptor_close(&server->acceptor);
    stop_threads(server);
    destroy_reactors(server);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

/* Ends the loop once no connection is left. */
static void drain(TcpServer *server)
{
    acceptor_drain(&server->acceptor);
    pthread_mutex_lock(&server->lock);
    server->draining = true;
    bool none = server->open == 0;
    pthread_mutex_unlock(&server->lock);
    if (none)
        event_loop_quit(server->loop);
    for (unsigned i = 0; i < server->reactor_count; i++)
        event_loop_queue_in_loop(server->reactors[i].loop,
                                 &server->reactors[i].drain);
}

static void handle_deadline(void *context)
{
    event_loop_quit(context);
}

/* The first time there is some time left; the second time none. */
static void on_stop(void *context)
{
    TcpServer *const *server = context;
    EventLoop *loop = (*server)->loop;

    if ((*server)->draining) {
        event_loop_quit(loop);
        return;
    }
    event_loop_run_after(loop, DRAIN_TIME, handle_deadline, loop);
    drain(*server);
}

static void on_report(void *context)
{
    TcpServer *const *server = context;

    report(*server);
}

static int catch_signals(EventLoop *loop, TcpServer **server)
{
    signal(SIGPIPE, SIG_IGN); /* write(2) fails with EPIPE instead */
    if (event_loop_catch_signal(loop, SIGUSR1, on_report, server) < 0)
        return -1;
    if (event_loop_catch_signal(loop, SIGINT, on_stop, server) < 0)
        return -1;
    return event_loop_catch_signal(loop, SIGTERM, on_stop, server);
}

int tcp_server_serve(int listener, bool announce, const Options *options,
                     const ConnectionHandler *handler)
{
    EventLoop *loop = event_loop_create();
    TcpServer *server = NULL;
    int result = -1;

    if (loop == NULL)
        goto close_listener;
    if (catch_signals(loop, &server) < 0)
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
