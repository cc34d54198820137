/* A TCP echo server for many clients on one thread, with epoll(7). */
#include "channel.h"
#include "event_loop.h"
#include "inet_address.h"
#include "log.h"
#include "options.h"
#include "socket.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Connection {
    Channel channel;
    InetAddress peer;
    struct Connection *previous;
    struct Connection *next;
} Connection;

static Options options;
static int listener;
static EventLoop *loop;
static Channel listener_channel;

/* The head of a ring: with no connection, it is its own neighbour. */
static Connection connections = {
    .previous = &connections,
    .next = &connections,
};

/* Print what happened to the connection, if -v asks. */
static void say(const char *what, const Connection *connection)
{
    char text[INET_ADDRESS_TEXT];

    if (options.verbose)
        log_line("%s %s", what, inet_address_format(&connection->peer, text));
}

/* Print a failure. A reset by the client is printed only with -v. */
static void say_failed(const char *call, const Connection *connection)
{
    char text[INET_ADDRESS_TEXT];

    if (options.verbose || (errno != ECONNRESET && errno != EPIPE))
        log_error("%s %s", call, inet_address_format(&connection->peer, text));
}

static void close_connection(Connection *connection)
{
    say("closed", connection);
    close(connection->channel.fd); /* this ends the watch too: see epoll(7) */
    connection->previous->next = connection->next;
    connection->next->previous = connection->previous;
    free(connection);
}

static void close_connections(void)
{
    Connection *connection = connections.next;

    while (connection != &connections) {
        Connection *next = connection->next;
        close_connection(connection);
        connection = next;
    }
}

/* Write all the bytes. One write(2) may take fewer, and returns how many. */
static bool write_all(const Connection *connection, const char *next,
                      size_t left)
{
    while (left > 0) {
        ssize_t written = write(connection->channel.fd, next, left);
        if (written < 0 && errno == EINTR)
            continue; /* a signal interrupted the call: call again */
        if (written < 0) {
            say_failed("write", connection);
            return false;
        }
        next += written;
        left -= (size_t)written;
    }
    return true;
}

/* Echo what one read(2) brings. Return false at end of file or on failure. */
static bool echo(const Connection *connection)
{
    char buffer[16 * 1024];
    ssize_t size = read(connection->channel.fd, buffer, sizeof(buffer));

    if (size < 0 && errno == EINTR)
        return true;
    if (size < 0)
        say_failed("read", connection);
    return size > 0 && write_all(connection, buffer, (size_t)size);
}

static void serve(void *context)
{
    Connection *connection = context;

    if (!echo(connection))
        close_connection(connection);
}

static int watch(Connection *connection, int fd)
{
    channel_init(&connection->channel, event_loop_epoll(loop), fd, serve,
                 connection);
    return channel_watch(&connection->channel, EPOLLIN);
}

static void open_connection(int fd, const InetAddress *peer)
{
    Connection *connection = malloc(sizeof(*connection));
    char text[INET_ADDRESS_TEXT];

    if (connection == NULL || watch(connection, fd) < 0) {
        log_error("refused %s", inet_address_format(peer, text));
        free(connection);
        close(fd);
        return;
    }
    connection->peer = *peer;
    connection->previous = &connections;
    connection->next = connections.next;
    connection->next->previous = connection;
    connections.next = connection;
    say("opened", connection);
}

static void accept_client(void *context)
{
    InetAddress peer;
    int fd = socket_accept(listener, &peer);

    (void)context;
    if (fd >= 0) {
        open_connection(fd, &peer);
    } else if (errno != EINTR && errno != EAGAIN) {
        log_error("accept");
        usleep(10000); /* it may fail again at once: rest for 10 ms */
    }
}

/* Watch the listening socket and print the ready line. Return 0 or -1. */
static int start(void)
{
    channel_init(&listener_channel, event_loop_epoll(loop), listener,
                 accept_client, NULL);
    if (channel_watch(&listener_channel, EPOLLIN) < 0) {
        log_error("epoll_ctl");
        return -1;
    }
    return socket_announce(listener);
}

static void on_stop(void *context)
{
    (void)context;
    event_loop_quit(loop);
}

/* Return 0, or -1 after a message. */
static int catch_signals(void)
{
    if (event_loop_catch_signal(loop, SIGINT, on_stop, NULL) < 0)
        return -1;
    return event_loop_catch_signal(loop, SIGTERM, on_stop, NULL);
}

int main(int argc, char **argv)
{
    int result = -1;

    signal(SIGPIPE, SIG_IGN); /* write(2) fails with EPIPE instead */
    options = options_parse(argc, argv);
    loop = event_loop_create();
    if (loop == NULL)
        return 1;
    if (catch_signals() < 0)
        goto destroy_loop;
    listener = socket_listen(&options.address);
    if (listener < 0)
        goto destroy_loop;
    if (start() == 0)
        result = event_loop_run(loop);
    close_connections();
    close(listener);
destroy_loop:
    event_loop_destroy(loop);
    return result < 0;
}
