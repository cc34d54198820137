#include "connection_state.h"

#include <errno.h>
#include <unistd.h>

/* Hands the kernel what it will take. Returns how much that was. */
static inline size_t write_now(Connection *connection, const void *data,
                               size_t size)
{
    ssize_t written = write(connection->channel.fd, data, size);

    if (written < 0 && errno != EAGAIN && errno != EINTR)
        connection_fail(connection, "write");
    if (written < 0)
        return 0;
    return (size_t)written;
}

/* From the high-water mark on nothing more is read. */
static void pause_when_high(Connection *connection)
{
    ConnectionGroup *group = connection->group;

    if (buffer_size(&connection->output) < group->options->high_water)
        return;
    connection->paused = true;
}

/* What the kernel has not taken follows when it can. */
static void keep(Connection *connection, const char *data, size_t size)
{
    if (connection->state == OPEN &&
        buffer_append(&connection->output, data, size) < 0)
        connection_fail(connection, "output");
    pause_when_high(connection);
    connection_look_again(connection);
}

void connection_flush(Connection *connection)
{
    Buffer *output = &connection->output;

    if (buffer_is_empty(output) || connection->state == ENDED)
        return;
    buffer_consume(output, write_now(connection, buffer_front(output),
                                     buffer_size(output)));
    if (buffer_size(output) <= connection->group->options->high_water / 2)
        connection->paused = false;
}

static void send_now(Connection *connection, const void *data, size_t size)
{
    size_t sent = 0;

    if (!connection->corked && buffer_is_empty(&connection->output))
        sent = write_now(connection, data, size);
    if (sent < size)
        keep(connection, (const char *)data + sent, size - sent);
}

void connection_send(Connection *connection, const void *data, size_t size)
{
    if (connection->state == OPEN)
        send_now(connection, data, size);
}
