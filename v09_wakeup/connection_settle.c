#include "connection_settle.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

int connection_count_unread(const Connection *connection)
{
    int unread = 0;

    ioctl(connection->channel.fd, FIONREAD, &unread);
    return unread;
}

/* Return whether the client has all that was sent, and nothing is unread. */
static bool is_quiet(const Connection *connection)
{
    int unacknowledged = 0;

    ioctl(connection->channel.fd, TIOCOUTQ, &unacknowledged);
    return unacknowledged == 0 && connection_count_unread(connection) == 0;
}

/* Return whether closing now would destroy nothing on its way. */
static bool may_leave(const Connection *connection)
{
    return connection->read_ended ||
           (connection->stops_reading && is_quiet(connection));
}

/*
 * Send our end of file, and wait for the client's. A close resets a connection
 * whose client goes on sending: so the end of file goes before the close.
 */
static void linger(Connection *connection)
{
    connection->state = may_leave(connection) ? ENDED : LINGERING;
    if (!connection->read_ended &&
        shutdown(connection->channel.fd, SHUT_WR) < 0)
        connection->state = ENDED;
}

/* Take the next steps towards the end, as far as they can be taken. */
static void wind_up(Connection *connection)
{
    connection->pending = false;
    buffer_reset(&connection->input);
    if (connection->state == FINISHING && buffer_is_empty(&connection->output))
        linger(connection);
    if (connection->state == LINGERING && may_leave(connection))
        connection->state = ENDED;
}

/*
 * While reading is paused, what the client sends fills the sockets' buffers,
 * and TCP makes the client wait. The socket is watched for reading or for
 * writing, so an error is noticed; only while a worker has a message, it may
 * be watched for neither. A socket that can be written to is reported at once:
 * so EPOLLOUT also brings the loop back to messages that are pending.
 */
static uint32_t wanted_events(const Connection *connection)
{
    bool reading = connection->state != OPEN ||
                   (!connection->paused && !connection->pending &&
                    !connection->stops_reading);
    bool writing = !buffer_is_empty(&connection->output) ||
                   (connection->pending && connection->work == NULL);

    return (reading && !connection->read_ended ? EPOLLIN : 0u) |
           (writing ? EPOLLOUT : 0u);
}

/* Nothing more will be read: finish when all that was read is answered. */
static void finish_when_answered(Connection *connection)
{
    if (connection->pending || connection->work != NULL)
        return;
    if (connection->read_ended && !connection->group->handler.talks_on)
        connection_take_no_more(connection);
    if (connection->stops_reading)
        connection_take_no_more(connection);
}

/* Close after the events in hand, and not while a worker has a message. */
static void close_soon(Connection *connection)
{
    if (connection->work == NULL)
        connection_queue(connection);
    else
        channel_watch(&connection->channel, 0);
}

/* The order matters: each step may bring about the next. */
void connection_settle(Connection *connection)
{
    if (connection->read_ended || connection->stops_reading)
        finish_when_answered(connection);
    if (connection->state != OPEN)
        wind_up(connection);
    if (connection->state != ENDED &&
        channel_watch(&connection->channel, wanted_events(connection)) < 0)
        connection_fail(connection, "epoll_ctl");
    if (connection->state == ENDED)
        close_soon(connection);
    connection_current = NULL;
}

/* The usual case: everything is answered and sent, and reading goes on. */
bool connection_is_settled(const Connection *connection)
{
    if (connection->read_ended || connection->pending ||
        connection->stops_reading)
        return false;
    return connection->state == OPEN && buffer_is_empty(&connection->output) &&
           connection->channel.events == EPOLLIN;
}
