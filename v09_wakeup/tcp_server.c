#include "tcp_server.h"
#include "acceptor.h"
#include "log.h"
#include "reactor.h"
#include "socket.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* How long draining may take, and how often it looks; nanoseconds. */
static const int64_t drain_limit = 3000000000;
static const int64_t drain_period = 50000000;

struct TcpServer {
    EventLoop *loop;
    const Options *options;
    ConnectionHandler handler;
    Acceptor acceptor;
    Reactor *reactors;
    unsigned reactor_count;
    unsigned next; /* counts up: the reactor for the next connection */
    ThreadPool *io_threads;
    ThreadPool *workers;
    int64_t drain_deadline;
    pthread_mutex_t lock; /* guards open and draining */
    unsigned open; /* connections, of all reactors */
    bool draining;
};

/* Count one more connection. Return false if there are as many as may be. */
static bool take_place(TcpServer *server)
{
    unsigned limit = server->options->connections;

    pthread_mutex_lock(&server->lock);
    bool free = limit == 0 || server->open < limit;
    if (free)
        server->open++;
    pthread_mutex_unlock(&server->lock);
    return free;
}

/* Any loop's thread calls it. The last connection ends a draining server. */
static void give_place_back(void *owner)
{
    TcpServer *server = owner;

    pthread_mutex_lock(&server->lock);
    server->open--;
    bool last = server->draining && server->open == 0;
    pthread_mutex_unlock(&server->lock);
    if (last)
        event_loop_quit(server->loop);
}

static Reactor *next_reactor(TcpServer *server)
{
    return &server->reactors[server->next++ % server->reactor_count];
}

static void refuse_client(TcpServer *server, int fd, const InetAddress *peer)
{
    const char *text = server->handler.refusal;
    char address[INET_ADDRESS_TEXT];

    log_line("refused %s: %u connections are open",
             inet_address_format(peer, address), server->options->connections);
    if (text != NULL)
        send(fd, text, strlen(text), MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR); /* unread bytes make close send a reset: first EOF */
    close(fd);
}

static void on_client(void *context, int fd, const InetAddress *peer)
{
    TcpServer *server = context;

    if (!take_place(server))
        refuse_client(server, fd, peer);
    else if (connection_open(&next_reactor(server)->group, fd, peer) < 0)
        give_place_back(server);
}

static int open_reactors(TcpServer *server)
{
    unsigned threads = server->options->io_threads;
    unsigned wanted = threads > 0 ? threads : 1;
    ConnectionGroup group = {
        .handler = server->handler,
        .verbose = server->options->verbose,
        .high_water = server->options->high_water,
        .on_closed = give_place_back,
        .owner = server,
    };

    if (server->workers != NULL)
        connection_use_workers(&group, server->workers);
    server->reactors = calloc(wanted, sizeof(*server->reactors));
    if (server->reactors == NULL) {
        log_error("reactors");
        return -1;
    }
    for (; server->reactor_count < wanted; server->reactor_count++)
        if (reactor_open(&server->reactors[server->reactor_count], server->loop,
                         threads > 0, &group) < 0)
            return -1;
    return 0;
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
    server->handler = *handler;
    acceptor_init(&server->acceptor, loop, listener, on_client, server);
    pthread_mutex_init(&server->lock, NULL);
    return server;
}

int tcp_server_start(TcpServer *server)
{
    const Options *options = server->options;

    if (options->workers > 0) {
        server->workers = thread_pool_create(options->workers);
        if (server->workers == NULL)
            return -1;
    }
    if (open_reactors(server) < 0)
        return -1;
    server->io_threads = thread_pool_create(options->io_threads);
    if (server->io_threads == NULL)
        return -1;
    for (unsigned i = 0; i < server->reactor_count; i++)
        reactor_start(&server->reactors[i], server->io_threads);
    return acceptor_start(&server->acceptor);
}

static int64_t monotonic_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000 + time.tv_nsec;
}

static void drain_reactors(TcpServer *server)
{
    for (unsigned i = 0; i < server->reactor_count; i++)
        reactor_drain(&server->reactors[i]);
}

static void on_drain_tick(void *context)
{
    TcpServer *server = context;

    if (server->drain_deadline == 0)
        return; /* a SIGALRM of somebody else's */
    if (monotonic_now() >= server->drain_deadline)
        event_loop_quit(server->loop);
    drain_reactors(server);
}

/* Return false if the server drains already. */
static bool begin_to_drain(TcpServer *server)
{
    pthread_mutex_lock(&server->lock);
    bool first = !server->draining;
    server->draining = true;
    pthread_mutex_unlock(&server->lock);
    return first;
}

static bool has_connections(TcpServer *server)
{
    pthread_mutex_lock(&server->lock);
    bool any = server->open > 0;
    pthread_mutex_unlock(&server->lock);
    return any;
}

/* Let SIGALRM come again and again (setitimer(2)). */
static void start_ticks(void)
{
    const struct timeval tick = {.tv_usec = drain_period / 1000};

    setitimer(ITIMER_REAL, &(struct itimerval){tick, tick}, NULL);
}

void tcp_server_drain(TcpServer *server)
{
    if (!begin_to_drain(server)) {
        event_loop_quit(server->loop);
        return;
    }
    acceptor_drain(&server->acceptor);
    server->drain_deadline = monotonic_now() + drain_limit;
    start_ticks();
    if (!has_connections(server))
        event_loop_quit(server->loop);
    drain_reactors(server);
}

/* Wait until only the main thread touches connections. */
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
    event_loop_run_tasks(server->loop); /* reactors may have queued some */
    free(server->reactors);
    return result;
}

int tcp_server_destroy(TcpServer *server)
{
    acceptor_close(&server->acceptor);
    stop_threads(server);
    int result = close_reactors(server);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    pthread_mutex_destroy(&server->lock);
    free(server);
    return result;
}

static void on_stop(void *context)
{
    tcp_server_drain(context);
}

static int catch_signals(EventLoop *loop, TcpServer *server)
{
    if (event_loop_catch_signal(loop, SIGALRM, on_drain_tick, server) < 0)
        return -1;
    if (event_loop_catch_signal(loop, SIGINT, on_stop, server) < 0)
        return -1;
    return event_loop_catch_signal(loop, SIGTERM, on_stop, server);
}

int tcp_server_serve(int listener, bool announce, const Options *options,
                     const ConnectionHandler *handler)
{
    EventLoop *loop = event_loop_create();
    TcpServer *server;
    int result = -1;

    if (loop == NULL)
        goto close_listener;
    server = tcp_server_create(loop, listener, options, handler);
    if (server == NULL)
        goto destroy_loop;
    if (catch_signals(loop, server) == 0 && tcp_server_start(server) == 0 &&
        (!announce || socket_announce(listener) == 0))
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
