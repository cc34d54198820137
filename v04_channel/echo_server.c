/*
 * A TCP echo server for many clients on one thread: epoll_wait(2) says which
 * of them have sent something, and only those are read.
 */
#include "channel.h"
#include "inet_address.h"
#include "log.h"
#include "options.h"
#include "socket.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Connection {
    Channel channel;
    InetAddress peer;
} Connection;

static Options options;
static volatile sig_atomic_t stopping;
static volatile sig_atomic_t listener = -1;
static volatile sig_atomic_t serving = -1; /* the client's descriptor */
static Connection **table; /* by descriptor; NULL: none */
static size_t table_size;
static Epoll epoll;
static Channel listening;

static void say(const char *what, const Connection *connection)
{
    char text[INET_ADDRESS_TEXT];

    if (options.verbose)
        log_line("%s %s", what, inet_address_format(&connection->peer, text));
}

/* That a client has gone away is no news; any other failure is. */
static void say_failed(const char *call, const Connection *connection)
{
    char text[INET_ADDRESS_TEXT];

    if (options.verbose || (errno != ECONNRESET && errno != EPIPE))
        log_error("%s %s", call, inet_address_format(&connection->peer, text));
}

/* Makes the table long enough for fd. */
static int make_place(int fd)
{
    size_t size = table_size;

    if ((size_t)fd < size)
        return 0;
    while (size <= (size_t)fd)
        size = size ? size * 2 : 64;
    Connection **longer = realloc(table, size * sizeof(*longer));
    if (longer == NULL)
        return -1;
    memset(longer + table_size, 0, (size - table_size) * sizeof(*longer));
    table = longer;
    table_size = size;
    return 0;
}

static void close_connection(Connection *connection)
{
    say("closed", connection);
    table[connection->channel.fd] = NULL;
    close(connection->channel.fd); /* epoll forgets it too, see epoll(7) */
    free(connection);
}

/* One write may take less than all of it: it returns how much it took. */
static bool write_all(const Connection *connection, const char *next,
                      size_t left)
{
    while (left > 0) {
        ssize_t written = write(connection->channel.fd, next, left);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            say_failed("write", connection);
            return false;
        }
        next += written;
        left -= (size_t)written;
    }
    return true;
}

/* Sends back what one read brings. False: there is nothing more to do. */
static bool echo(const Connection *connection)
{
    static char buffer[64 * 1024];
    ssize_t size = read(connection->channel.fd, buffer, sizeof(buffer));

    if (size < 0 && errno == EINTR)
        return true;
    if (size < 0)
        say_failed("read", connection);
    if (size <= 0) /* 0 is end of file: the client sends no more */
        return false;
    return write_all(connection, buffer, (size_t)size);
}

static void serve(void *context)
{
    Connection *connection = context;
    bool open = true;

    serving = connection->channel.fd;
    if (!stopping)
        open = echo(connection);
    serving = -1;
    if (!open)
        close_connection(connection);
}

/* Returns the next client's descriptor, or -1 when there is none now. */
static int accept_client(InetAddress *peer)
{
    int fd = socket_accept(listener, peer);
    static int last_error;

    if (fd < 0 && errno != EINTR && !stopping) {
        if (errno != last_error)
            log_error("accept");
        else
            poll(NULL, 0, 10); /* it fails again: sleep for 10 ms, not spin */
        last_error = errno;
    } else {
        last_error = 0;
    }
    return fd;
}

static int watch(Connection *connection, int fd)
{
    channel_init(&connection->channel, &epoll, fd, connection);
    return channel_watch(&connection->channel, EPOLLIN);
}

static void open_connection(void)
{
    InetAddress peer;
    char text[INET_ADDRESS_TEXT];
    int fd = accept_client(&peer);

    if (fd < 0)
        return;
    Connection *connection = malloc(sizeof(*connection));
    if (connection == NULL || make_place(fd) < 0 || watch(connection, fd) < 0) {
        log_error("refused %s", inet_address_format(&peer, text));
        free(connection);
        close(fd);
        return;
    }
    connection->peer = peer;
    table[fd] = connection;
    say("opened", connection);
}

static int run(void)
{
    while (!stopping) {
        int count = epoll_await(&epoll, -1);
        if (count < 0)
            return -1;
        for (int i = 0; i < count; i++) {
            Channel *channel = channel_ready(&epoll, i);
            if (channel == &listening)
                open_connection();
            else
                serve(channel->context);
        }
    }
    return 0;
}

static int start_watching(void)
{
    if (epoll_open(&epoll) < 0)
        return -1;
    channel_init(&listening, &epoll, listener, NULL);
    if (channel_watch(&listening, EPOLLIN) < 0) {
        log_error("epoll_ctl");
        return -1;
    }
    return 0;
}

static void stop_watching(void)
{
    for (size_t fd = 0; fd < table_size; fd++)
        if (table[fd] != NULL)
            close_connection(table[fd]);
    free(table);
    epoll_close(&epoll);
}

/*
 * A signal may come just before a call that waits. So it is not enough that
 * it interrupts the call: what the server waits on must not block any more.
 * A socket that is shut down never does. shutdown(2) may be called from a
 * signal handler, see signal-safety(7); on -1 it does nothing.
 */
static void on_signal(int signo)
{
    int saved_errno = errno;

    (void)signo;
    stopping = 1;
    shutdown(listener, SHUT_RDWR);
    shutdown(serving, SHUT_RDWR);
    errno = saved_errno;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* Whoever started this may have blocked them, and that is inherited. */
    sigprocmask(SIG_UNBLOCK, &action.sa_mask, NULL);
    signal(SIGPIPE, SIG_IGN); /* write(2) fails with EPIPE instead */
}

int main(int argc, char **argv)
{
    int result = -1;

    catch_signals();
    options = options_parse(argc, argv);
    listener = socket_listen(&options.address);
    if (listener < 0)
        return 1;
    if (start_watching() == 0 && socket_announce(listener) == 0)
        result = run();
    stop_watching();
    close(listener);
    return result < 0;
}
