#include "connection.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct Connection {
    Channel channel;
    ConnectionGroup *group;
    Connection *next; /* in the group's list */
    Connection *previous;
    InetAddress peer;
    void *data; /* the program's */
    bool ended; /* nothing is left to do but to close */
};

static void say(const Connection *connection, const char *what)
{
    char text[INET_ADDRESS_TEXT];

    if (connection->group->verbose)
        log_line("%s %s", what, inet_address_format(&connection->peer, text));
}

/* A client that goes away is no news; any other failure is. */
static void connection_fail(Connection *connection, const char *call)
{
    char text[INET_ADDRESS_TEXT];

    connection->ended = true;
    if (connection->group->verbose || (errno != ECONNRESET && errno != EPIPE))
        log_error("%s %s", call, inet_address_format(&connection->peer, text));
}

static void connection_read(Connection *connection)
{
    static char bytes[64 * 1024];
    const ConnectionHandler *handler = &connection->group->handler;
    ssize_t size = read(connection->channel.fd, bytes, sizeof(bytes));

    if (size > 0)
        handler->on_message(handler->context, connection, bytes, (size_t)size);
    else if (size == 0)
        connection->ended = true;
    else if (errno != EINTR)
        connection_fail(connection, "read");
}

static void link_to_group(Connection *connection)
{
    ConnectionGroup *group = connection->group;

    connection->next = group->first;
    if (group->first != NULL)
        group->first->previous = connection;
    group->first = connection;
}

static void unlink_from_group(Connection *connection)
{
    ConnectionGroup *group = connection->group;

    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        group->first = connection->next;
}

static void free_connection(Connection *connection)
{
    ConnectionGroup *group = connection->group;

    unlink_from_group(connection);
    close(connection->channel.fd);
    free(connection);
    group->on_closed(group->owner);
}

/* When on_close has returned, nobody may use the connection. */
static void close_connection(Connection *connection)
{
    ConnectionGroup *group = connection->group;

    if (group->handler.on_close != NULL)
        group->handler.on_close(group->handler.context, connection);
    say(connection, "closed");
    free_connection(connection);
}

static void connection_on_event(void *context)
{
    Connection *connection = context;

    connection_read(connection);
    if (connection->ended)
        close_connection(connection);
}

int connection_open(ConnectionGroup *group, int fd, const InetAddress *peer)
{
    Connection *connection = malloc(sizeof(*connection));

    if (connection == NULL) {
        log_error("connection");
        close(fd);
        return -1;
    }
    *connection = (Connection){.group = group, .peer = *peer};
    channel_init(&connection->channel, event_loop_epoll(group->loop), fd,
                 connection_on_event, connection);
    link_to_group(connection);
    say(connection, "opened");
    if (group->handler.on_open != NULL)
        group->handler.on_open(group->handler.context, connection);
    if (channel_watch(&connection->channel, EPOLLIN) < 0)
        connection_fail(connection, "epoll_ctl");
    if (connection->ended)
        close_connection(connection);
    return 0;
}

void connection_close_all(ConnectionGroup *group)
{
    Connection *connection = group->first;

    while (connection != NULL) {
        Connection *next = connection->next;
        close_connection(connection);
        connection = next;
    }
}

/* One write may take less than all bytes: it returns how many it took. */
void connection_send(Connection *connection, const void *data, size_t size)
{
    const char *next = data;

    while (size > 0 && !connection->ended) {
        ssize_t written = write(connection->channel.fd, next, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            connection_fail(connection, "write");
            return;
        }
        next += written;
        size -= (size_t)written;
    }
}

void connection_set_data(Connection *connection, void *data)
{
    connection->data = data;
}

void *connection_data(const Connection *connection)
{
    return connection->data;
}

const InetAddress *connection_peer(const Connection *connection)
{
    return &connection->peer;
}
