#include "connection_state.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* That a client has gone away is no news; any other failure is. */
void connection_fail(Connection *connection, const char *call)
{
    char text[INET_ADDRESS_TEXT];

    connection->state = ENDED;
    if (connection->group->options->verbose ||
        (errno != ECONNRESET && errno != EPIPE))
        log_error("%s %s", call, inet_address_format(&connection->peer, text));
}

static void handle_event(void *context)
{
    Connection *connection = context;

    connection_read(connection);
    if (connection->state == ENDED)
        connection->group->on_ended(connection->group->owner, connection);
}

Connection *connection_create(ConnectionGroup *group, EventLoop *loop, int fd,
                              const InetAddress *peer)
{
    Connection *connection = malloc(sizeof(*connection));

    if (connection == NULL) {
        log_error("connection");
        close(fd);
        return NULL;
    }
    *connection = (Connection){.group = group, .loop = loop, .peer = *peer};
    channel_init(&connection->channel, event_loop_epoll(loop), fd, handle_event,
                 connection);
    return connection;
}

int connection_open(Connection *connection)
{
    if (channel_watch(&connection->channel, EPOLLIN) == 0)
        return 0;
    connection_fail(connection, "epoll_ctl");
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
