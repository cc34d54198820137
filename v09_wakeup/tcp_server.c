#include "tcp_server.h"
#include "acceptor.h"
#include "log.h"
#include "reactor.h"
#include "socket.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* How long a stop waits for clients, how often it looks: in nanoseconds. */
static const int64_t DRAIN_TIME = 3000000000;
static const int64_t DRAIN_TICK = 50000000;

struct TcpServer {
    EventLoop *loop;
    const Options *options;
    Acceptor acceptor;
    Reactor *reactors;
    unsigned reactor_count;
    unsigned next; /* the reactor that gets the next connection */
    ThreadPool *io_threads;
    ThreadPool *workers;
    pthread_mutex_t lock; /* guards open and draining */
    unsigned open; /* connections, of all reactors */
    bool draining;
    int64_t deadline; /* of draining */
};

/* Takes a place for one more connection. Returns whether there was one. */
static bool take_place(TcpServer *server)
{
    unsigned limit = server->options->connections;

    pthread_mutex_lock(&server->lock);
    bool taken = limit == 0 || server->open < limit;
    server->open += taken;
    pthread_mutex_unlock(&server->lock);
    return taken;
}

/* The last one that a draining server waited for ends it. */
static void on_ended(void *owner)
{
    TcpServer *server = owner;

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

    if (!take_place(server))
        refuse(server, fd, peer);
    else if (reactor_serve(next_reactor(server), fd, peer) < 0)
        on_ended(server);
}

static int open_reactors(TcpServer *server, const ConnectionHandler *handler)
{
    unsigned threads = server->options->io_threads;
    unsigned wanted = threads > 0 ? threads : 1;
    ConnectionGroup group = {
        .options = server->options,
        .workers = server->workers,
        .handler = *handler,
    };

    server->reactors = calloc(wanted, sizeof(*server->reactors));
    if (server->reactors == NULL) {
        log_error("reactors");
        return -1;
    }
    for (; server->reactor_count < wanted; server->reactor_count++)
        if (reactor_open(&server->reactors[server->reactor_count], server->loop,
                         threads > 0, &group, on_ended, server) < 0)
            return -1;
    return 0;
}

static int start_workers(TcpServer *server)
{
    unsigned workers = server->options->workers;

    if (workers == 0)
        return 0;
    server->workers = thread_pool_create(workers);
    return server->workers == NULL ? -1 : 0;
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
    if (server->workers != NULL)
        thread_pool_destroy(server->workers);
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
    pthread_mutex_init(&server->lock, NULL);
    if (start_workers(server) < 0 || open_reactors(server, handler) < 0 ||
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
    int result = close_reactors(server);
    pthread_mutex_destroy(&server->lock);
    free(server);
    return result;
}

static void drain_reactors(TcpServer *server)
{
    for (unsigned i = 0; i < server->reactor_count; i++)
        reactor_drain(&server->reactors[i]);
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
    drain_reactors(server);
}

static int64_t now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

static void on_tick(void *context)
{
    TcpServer *server = *(TcpServer **)context;

    if (!server->draining)
        return;
    if (now() >= server->deadline)
        event_loop_quit(server->loop);
    drain_reactors(server);
}

/* SIGALRM comes, and comes again: see setitimer(2). */
static void start_ticks(void)
{
    const struct timeval tick = {.tv_usec = DRAIN_TICK / 1000};

    setitimer(ITIMER_REAL, &(struct itimerval){tick, tick}, NULL);
}

/* The first time there is some time left; the second time none. */
static void on_stop(void *context)
{
    TcpServer *server = *(TcpServer **)context;

    if (server->draining) {
        event_loop_quit(server->loop);
        return;
    }
    server->deadline = now() + DRAIN_TIME;
    start_ticks();
    drain(server);
}

static int catch_signals(EventLoop *loop, TcpServer **server)
{
    if (event_loop_catch_signal(loop, SIGALRM, on_tick, server) < 0)
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
