#include "connection_state.h"

#include <errno.h>
#include <unistd.h>

/* The handler is told later: it may be inside a callback just now. */
static void note_written(Connection *connection)
{
    if (connection->group->handler.on_write_complete == NULL)
        return;
    connection->written = true;
    connection_queue(connection);
}

/* Hands the kernel what it will take. Returns how much that was. */
static inline size_t write_now(Connection *connection, const void *data,
                               size_t size)
{
    ssize_t written = write(connection->channel.fd, data, size);

    if (written >= 0) {
        connection->group->statistics.bytes_out += (size_t)written;
        return (size_t)written;
    }
    if (errno != EAGAIN && errno != EINTR)
        connection_fail(connection, "write");
    return 0;
}

/* From the high-water mark on nothing more is read. */
static void pause_when_high(Connection *connection)
{
    ConnectionGroup *group = connection->group;

    if (buffer_size(&connection->output) < group->options->high_water)
        return;
    group->statistics.pauses += !connection->paused;
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
    if (buffer_is_empty(output))
        note_written(connection);
}

void connection_send_buffer(Connection *connection, Buffer *reply)
{
    if (buffer_is_empty(reply) || connection->state != OPEN)
        return;
    if (!buffer_is_empty(&connection->output)) {
        connection_send(connection, buffer_front(reply), buffer_size(reply));
        return;
    }
    connection->group->statistics.messages_out++;
    connection->output = *reply;
    *reply = (Buffer){0};
    connection_flush(connection);
    pause_when_high(connection);
}

void connection_send(Connection *connection, const void *data, size_t size)
{
    size_t sent = 0;

    if (connection->work != NULL &&
        !event_loop_is_here(connection->group->loop)) {
        connection_work_send(connection->work, data, size);
        return;
    }
    if (connection->state != OPEN)
        return;
    connection->group->statistics.messages_out++;
    if (!connection->corked && buffer_is_empty(&connection->output))
        sent = write_now(connection, data, size);
    if (sent < size)
        keep(connection, (const char *)data + sent, size - sent);
    else
        note_written(connection);
}
