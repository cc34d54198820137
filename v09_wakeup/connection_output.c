#include "connection_output.h"

#include <errno.h>
#include <sys/socket.h>

/* Hand the kernel what it takes now. Return how many bytes that were. */
static inline size_t send_now(Connection *connection, const void *data,
                              size_t size)
{
    ssize_t sent = send(connection->channel.fd, data, size, MSG_NOSIGNAL);

    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        connection_fail(connection, "send");
    if (sent < 0)
        return 0;
    return (size_t)sent;
}

/* The program is told later: it may be inside a callback at this moment. */
static void owe_write_complete(Connection *connection)
{
    if (connection->group->handler.on_write_complete == NULL)
        return;
    connection->owes_write_complete = true;
    connection_queue(connection);
}

/* Stop reading at the high-water mark: this is the back-pressure. */
static void pause_when_high(Connection *connection)
{
    ConnectionGroup *group = connection->group;

    if (connection->paused ||
        buffer_size(&connection->output) < group->high_water)
        return;
    connection->paused = true;
    if (group->handler.on_high_water == NULL)
        return;
    connection->owes_high_water = true;
    connection_queue(connection);
}

static void keep_output(Connection *connection, const char *data, size_t size)
{
    if (connection->state == OPEN &&
        buffer_append(&connection->output, data, size) < 0)
        connection_fail(connection, "output");
    pause_when_high(connection);
    connection_look_again(connection);
}

void connection_output_send(Connection *connection, const void *data,
                            size_t size)
{
    size_t sent = 0;

    if (connection->state != OPEN)
        return;
    if (!connection->corked && buffer_is_empty(&connection->output))
        sent = send_now(connection, data, size);
    if (sent < size)
        keep_output(connection, (const char *)data + sent, size - sent);
    else
        owe_write_complete(connection);
}

void connection_output_flush(Connection *connection)
{
    Buffer *output = &connection->output;

    if (buffer_is_empty(output) || connection->state == ENDED)
        return;
    buffer_consume(output, send_now(connection, buffer_front(output),
                                    buffer_size(output)));
    if (buffer_size(output) <= connection->group->high_water / 2)
        connection->paused = false;
    if (buffer_is_empty(output))
        owe_write_complete(connection);
}
