#include "connection.h"
#include "connection_input.h"
#include "connection_output.h"
#include "connection_settle.h"
#include "connection_state.h"
#include "log.h"

#include <stdlib.h>
#include <unistd.h>

static void say(const Connection *connection, const char *what)
{
    char text[INET_ADDRESS_TEXT];

    if (connection->group->verbose)
        log_line("%s %s", what, inet_address_format(&connection->peer, text));
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
    buffer_reset(&connection->output);
    buffer_reset(&connection->input);
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

/* An error without EPOLLIN and EPOLLOUT shows in the next system call. */
static void connection_on_event(void *context)
{
    Connection *connection = context;
    uint32_t ready = connection->channel.ready;

    if (!(ready & (EPOLLIN | EPOLLOUT)))
        ready = connection->channel.events;
    connection_current = connection;
    if (ready & EPOLLOUT) {
        connection_output_flush(connection);
        connection_input_handle(connection);
    }
    if (ready & EPOLLIN && connection->state != ENDED)
        connection_input_read(connection);
    if (connection_is_settled(connection))
        connection_current = NULL;
    else
        connection_settle(connection);
}

/* Call what must not be called from inside a callback. */
static void call_owed(Connection *connection)
{
    const ConnectionHandler *handler = &connection->group->handler;

    if (connection->owes_high_water) {
        connection->owes_high_water = false;
        if (connection->state == OPEN && connection->paused)
            handler->on_high_water(handler->context, connection);
    }
}

/* The connection's task comes back after the events in hand. */
static void connection_on_task(void *context)
{
    Connection *connection = context;

    if (connection->state == ENDED) {
        close_connection(connection);
        return;
    }
    connection->queued = false;
    connection_current = connection;
    call_owed(connection);
    connection_settle(connection);
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
    connection->task = (Task){.run = connection_on_task, .context = connection};
    connection_current = connection;
    link_to_group(connection);
    say(connection, "opened");
    if (group->handler.on_open != NULL)
        group->handler.on_open(group->handler.context, connection);
    connection_settle(connection);
    return 0;
}

/* A connection is closed by its task: so the list stays as it is here. */
static void end_all(ConnectionGroup *group)
{
    Connection *connection = group->first;

    for (; connection != NULL; connection = connection->next) {
        connection_end(connection);
        connection_queue(connection);
    }
}

void connection_close_all(ConnectionGroup *group)
{
    do {
        end_all(group);
        event_loop_run_tasks(group->loop);
    } while (group->first != NULL);
}

void connection_send(Connection *connection, const void *data, size_t size)
{
    connection_output_send(connection, data, size);
    if (connection->state == ENDED)
        connection_queue(connection);
}

void connection_finish(Connection *connection)
{
    connection_take_no_more(connection);
    connection_look_again(connection);
}

void connection_abort(Connection *connection)
{
    connection_end(connection);
    connection_queue(connection);
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
