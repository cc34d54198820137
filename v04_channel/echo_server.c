/* A TCP echo server for many clients on one thread, with epoll(7). */
#include "channel.h"
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

/* "volatile": the signal handler uses them too, so read them anew each time. */
static volatile sig_atomic_t stopping; /* sig_atomic_t: never half written */
static volatile sig_atomic_t listener = -1; /* the listening socket */
static volatile sig_atomic_t serving = -1; /* the client's socket; -1: none */

static Epoll epoll;
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

static void serve(Connection *connection)
{
    serving = connection->channel.fd;
    /* When stopping, close_connections closes the connection. */
    bool done = !stopping && !echo(connection);
    serving = -1;
    if (done)
        close_connection(connection);
}

static int watch(Connection *connection, int fd)
{
    channel_init(&connection->channel, &epoll, fd, connection);
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

static void accept_client(void)
{
    InetAddress peer;
    int fd = socket_accept(listener, &peer);

    if (fd >= 0) {
        open_connection(fd, &peer);
    } else if (errno != EINTR && !stopping) {
        log_error("accept");
        usleep(10000); /* it may fail again at once: rest for 10 ms */
    }
}

/* Return 0 when it is time to stop, or -1 after a message. */
static int run(void)
{
    while (!stopping) {
        int count = epoll_await(&epoll, EPOLL_BATCH, -1);
        if (count < 0)
            return -1;
        for (int i = 0; i < count; i++) {
            Channel *channel = channel_of_event(&epoll, i);
            if (channel == &listener_channel)
                accept_client();
            else
                serve(channel->context);
        }
    }
    return 0;
}

/* Watch the listening socket and print the ready line. Return 0 or -1. */
static int start(void)
{
    channel_init(&listener_channel, &epoll, listener, NULL);
    if (channel_watch(&listener_channel, EPOLLIN) < 0) {
        log_error("epoll_ctl");
        return -1;
    }
    return stopping ? 0 : socket_announce(listener);
}

/* A handler may call shutdown(2): see signal-safety(7). */
static void on_signal(int signo)
{
    int saved_errno = errno;

    (void)signo;
    stopping = 1;
    /* A call that begins after the signal is not interrupted: let none wait. */
    shutdown(listener, SHUT_RDWR); /* -1: does nothing */
    shutdown(serving, SHUT_RDWR);
    errno = saved_errno;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_signal};
    int result = -1;

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* write(2) fails with EPIPE instead */
    options = options_parse(argc, argv);
    listener = socket_listen(&options.address);
    if (listener < 0)
        return 1;
    if (epoll_open(&epoll) < 0)
        goto close_listener;
    if (start() == 0)
        result = run();
    close_connections();
    epoll_close(&epoll);
close_listener:
    close(listener);
    return result < 0;
}
