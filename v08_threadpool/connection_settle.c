#include "connection_settle.h"

#include <sys/socket.h>

/* Send our end of file, and wait for the client's. */
static void linger(Connection *connection)
{
    connection->state = LINGERING;
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
    if (connection->state == LINGERING && connection->read_ended)
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
                   (!connection->paused && !connection->pending);
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
    if (connection->read_ended)
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
    if (connection->read_ended || connection->pending)
        return false;
    return connection->state == OPEN && buffer_is_empty(&connection->output) &&
           connection->channel.events == EPOLLIN;
}
