#include "connection.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* One for all: it is used up before the next read. */
enum { SCRATCH = 64 * 1024 };
static char scratch[SCRATCH];

typedef enum State {
    OPEN, /* messages are taken and answered */
    ENDED /* nothing more can be done */
} State;

struct Connection {
    Channel channel;
    EventLoop *loop;
    const ConnectionGroup *group;
    State state;
    InetAddress peer;
};

/* That a client has gone away is no news; any other failure is. */
static void fail(Connection *connection, const char *call)
{
    char text[INET_ADDRESS_TEXT];

    connection->state = ENDED;
    if (connection->group->options->verbose ||
        (errno != ECONNRESET && errno != EPIPE))
        log_error("%s %s", call, inet_address_format(&connection->peer, text));
}

static void handle_message(Connection *connection, const char *data,
                           size_t size)
{
    const ConnectionHandler *handler = &connection->group->handler;

    handler->on_message(handler->context, connection, data, size);
}

static void handle_readable(Connection *connection)
{
    ssize_t size = read(connection->channel.fd, scratch, SCRATCH);

    if (size > 0)
        handle_message(connection, scratch, (size_t)size);
    else if (size == 0)
        connection->state = ENDED;
    else if (errno != EAGAIN && errno != EINTR)
        fail(connection, "read");
}

static void handle_event(void *context)
{
    Connection *connection = context;

    handle_readable(connection);
    if (connection->state == ENDED)
        connection->group->on_ended(connection->group->owner, connection);
}

Connection *connection_create(const ConnectionGroup *group, EventLoop *loop,
                              int fd, const InetAddress *peer)
{
    Connection *connection = malloc(sizeof(*connection));

    if (connection == NULL) {
        log_error("connection");
        close(fd);
        return NULL;
    }
    *connection = (Connection){.loop = loop, .group = group, .peer = *peer};
    channel_init(&connection->channel, event_loop_epoll(loop), fd, handle_event,
                 connection);
    return connection;
}

int connection_open(Connection *connection)
{
    if (channel_watch(&connection->channel, EPOLLIN) == 0)
        return 0;
    fail(connection, "epoll_ctl");
    return -1;
}

void connection_destroy(Connection *connection)
{
    close(connection->channel.fd);
    free(connection);
}

int connection_fd(const Connection *connection)
{
    return connection->channel.fd;
}

const InetAddress *connection_peer(const Connection *connection)
{
    return &connection->peer;
}

void connection_send(Connection *connection, const void *data, size_t size)
{
    const char *next = data;

    while (size > 0 && connection->state == OPEN) {
        ssize_t written =
            send(connection->channel.fd, next, size, MSG_DONTWAIT);
        if (written > 0) {
            next += written;
            size -= (size_t)written;
        } else if (errno == EAGAIN) {
            if (event_loop_wait_writable(connection->loop,
                                         connection->channel.fd) < 0)
                connection->state = ENDED;
        } else if (errno != EINTR) {
            fail(connection, "write");
        }
    }
}
