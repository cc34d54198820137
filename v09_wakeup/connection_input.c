#include "connection_state.h"

#include <errno.h>
#include <unistd.h>

/* One for each thread; what is left of it is copied before the next read. */
enum { SCRATCH = CODEC_RAW_LONGEST };
static _Thread_local char scratch[SCRATCH];

/* So many messages of one client, then it is the others' turn. */
enum { TURN = 1024 };

/* Returns its length; where there is none, what codec.h says. */
static inline ssize_t find_message(Connection *connection, const char *data,
                                   size_t size)
{
    const ConnectionHandler *handler = &connection->group->handler;
    ssize_t length = handler->codec.find(data, size, connection->scanned,
                                         handler->codec.longest);

    connection->scanned = length == CODEC_NOT_YET ? size : 0;
    if (length == CODEC_TOO_LONG) {
        handler->on_too_long(handler->context, connection);
        connection_finish(connection);
    }
    return length;
}

static inline void hand_up(Connection *connection, const char *data,
                           size_t size)
{
    ConnectionGroup *group = connection->group;

    if (group->workers != NULL)
        connection_give_to_worker(connection, data, size);
    else
        group->handler.on_message(group->handler.context, connection, data,
                                  size);
}

static int turn(const Connection *connection)
{
    return connection->group->options->delay > 0 ? 1 : TURN;
}

/*
 * Hands up message after message; what is sent meanwhile goes out in one
 * piece, behind what the kernel would not take before. Returns how many bytes
 * they were.
 */
static size_t handle_several(Connection *connection, const char *data,
                             size_t size)
{
    bool blocked = !buffer_is_empty(&connection->output);
    int left = turn(connection);
    size_t used = 0;
    ssize_t length;

    connection->corked = true;
    do {
        length = find_message(connection, data + used, size - used);
        if (length <= 0)
            break;
        hand_up(connection, data + used, (size_t)length);
        used += (size_t)length;
    } while (used < size && connection_may_handle(connection) && --left > 0);
    connection->pending = length > 0 && used < size;
    connection->corked = false;
    if (!blocked)
        connection_flush(connection);
    return used;
}

void connection_handle_input(Connection *connection)
{
    Buffer *input = &connection->input;

    if (connection->pending && connection_may_handle(connection))
        buffer_consume(input, handle_several(connection, buffer_front(input),
                                             buffer_size(input)));
}

/* Not handed up: it waits behind what waits already. */
static void keep(Connection *connection, const char *data, size_t size)
{
    bool first = buffer_is_empty(&connection->input);

    if (connection->state != OPEN)
        return;
    if (!first || !connection_may_handle(connection))
        connection->pending = true;
    if (buffer_append(&connection->input, data, size) < 0)
        connection_fail(connection, "input");
    if (!first)
        connection_handle_input(connection);
}

/*
 * Messages are handed up from where they were read, without a copy; only
 * what is left of them, most often nothing, is kept for later. After the
 * last message, what comes is thrown away.
 */
static void take(Connection *connection, const char *data, size_t size)
{
    size_t used = 0;

    if (buffer_is_empty(&connection->input) &&
        connection_may_handle(connection)) {
        ssize_t length = find_message(connection, data, size);
        if (length == (ssize_t)size) {
            hand_up(connection, data, size);
            return;
        }
        if (length > 0)
            used = handle_several(connection, data, size);
    }
    if (used < size)
        keep(connection, data + used, size - used);
}

/*
 * A read takes no more than may be held: output up to high water, and one
 * message. What is thrown away is not held.
 */
static size_t read_size(const Connection *connection)
{
    const ConnectionGroup *group = connection->group;
    size_t room = group->options->high_water + group->handler.codec.longest;

    if (connection->state != OPEN)
        return SCRATCH;
    room -= buffer_size(&connection->input) + buffer_size(&connection->output);
    if (connection->work != NULL)
        room -= connection_work_size(connection->work);
    return room < SCRATCH ? room : SCRATCH;
}

/* So much less is to be read of what had come when it was to drain. */
static void count_rest(Connection *connection, size_t size)
{
    if (size < connection->rest) {
        connection->rest -= (unsigned)size;
    } else {
        connection->rest = 0;
        connection->drained = true;
    }
}

void connection_read(Connection *connection)
{
    size_t room = read_size(connection);
    ssize_t size = read(connection->channel.fd, scratch, room);

    if (size > 0) {
        if (connection->rest > 0)
            count_rest(connection, (size_t)size);
        take(connection, scratch, (size_t)size);
    } else if (size == 0) {
        connection->read_ended = room > 0; /* 0 of 0 is no end */
    } else if (errno != EAGAIN && errno != EINTR) {
        connection_fail(connection, "read");
    }
}
