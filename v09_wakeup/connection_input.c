#include "connection_input.h"
#include "connection_output.h"
#include "log.h"

#include <errno.h>
#include <sys/socket.h>

/* The most messages of one client before it is the others' turn. */
enum { TURN = 1024 };

static void refuse_too_long(Connection *connection)
{
    const ConnectionHandler *handler = &connection->group->handler;
    char text[INET_ADDRESS_TEXT];

    if (handler->on_too_long != NULL)
        handler->on_too_long(handler->context, connection);
    else
        log_line("message too long from %s",
                 inet_address_format(&connection->peer, text));
    connection_take_no_more(connection);
}

/* Return the length of the first message, or what codec.h says. */
static inline ssize_t find_message(Connection *connection, const char *data,
                                   size_t size)
{
    const Codec *codec = &connection->group->handler.codec;
    ssize_t length =
        codec->find(data, size, connection->scanned, codec->longest);

    connection->scanned = length == CODEC_NOT_YET ? size : 0;
    if (length == CODEC_TOO_LONG)
        refuse_too_long(connection);
    return length;
}

static inline void hand_up(Connection *connection, const char *data,
                           size_t size)
{
    ConnectionGroup *group = connection->group;

    group->handler.on_message(group->handler.context, connection, data, size);
}

/*
 * Hand up message after message. Their replies are gathered, and sent in one
 * piece. Return how many bytes the messages were.
 */
static size_t handle_several(Connection *connection, const char *data,
                             size_t size)
{
    bool output_waits = !buffer_is_empty(&connection->output);
    int left = connection->group->handler.slow ? 1 : TURN;
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
    if (!output_waits)
        connection_output_flush(connection);
    return used;
}

void connection_input_handle(Connection *connection)
{
    Buffer *input = &connection->input;

    if (connection->pending && connection_may_handle(connection))
        buffer_consume(input, handle_several(connection, buffer_front(input),
                                             buffer_size(input)));
}

/*
 * Keep bytes that were not handed up, behind those that wait already. They are
 * pending if nobody has looked for a message in them, or nobody may now.
 */
static void keep_input(Connection *connection, const char *data, size_t size)
{
    bool first = buffer_is_empty(&connection->input);

    if (connection->state != OPEN)
        return;
    if (!first || !connection_may_handle(connection))
        connection->pending = true;
    if (buffer_append(&connection->input, data, size) < 0)
        connection_fail(connection, "input");
    if (!first)
        connection_input_handle(connection);
}

/*
 * Messages are handed up from where they were read, without a copy. Only what
 * is left, usually nothing, is kept. After the last message of a connection,
 * what comes is thrown away.
 */
static void take_input(Connection *connection, const char *data, size_t size)
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
        keep_input(connection, data + used, size - used);
}

/*
 * Read no more than may be held: output up to the high-water mark, and one
 * message. What will be thrown away is not held.
 */
static size_t read_size(const Connection *connection)
{
    const ConnectionGroup *group = connection->group;
    size_t most = group->high_water + group->handler.codec.longest;
    size_t held =
        buffer_size(&connection->input) + buffer_size(&connection->output);

    if (connection->state != OPEN)
        return CODEC_RAW_LONGEST;
    if (connection->work != NULL)
        held += connection->work->size;
    if (held >= most)
        return 0;
    return most - held < CODEC_RAW_LONGEST ? most - held : CODEC_RAW_LONGEST;
}

/* Count the bytes just read against those that were unread at the drain. */
static void count_at_drain(Connection *connection, size_t size)
{
    if (size < connection->unread_at_drain) {
        connection->unread_at_drain -= (unsigned)size;
        return;
    }
    connection->unread_at_drain = 0;
    connection->stops_reading = true;
}

void connection_input_read(Connection *connection)
{
    char *scratch = connection->group->scratch;
    size_t room = read_size(connection);
    ssize_t size = recv(connection->channel.fd, scratch, room, 0);

    if (size > 0) {
        if (connection->unread_at_drain > 0)
            count_at_drain(connection, (size_t)size);
        take_input(connection, scratch, (size_t)size);
    } else if (size == 0) {
        connection->read_ended = room > 0; /* else it tells only of errors */
    } else if (errno != EAGAIN && errno != EINTR) {
        connection_fail(connection, "recv");
    }
}
