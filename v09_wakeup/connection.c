#include "connection.h"
#include "connection_input.h"
#include "connection_output.h"
#include "connection_post.h"
#include "connection_settle.h"
#include "connection_state.h"
#include "connection_work.h"
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

static void free_connection(void *context)
{
    Connection *connection = context;
    ConnectionGroup *group = connection->group;

    unlink_from_group(connection);
    buffer_reset(&connection->output);
    buffer_reset(&connection->input);
    close(connection->channel.fd);
    free(connection);
    group->on_closed(group->owner);
}

/*
 * When on_close has returned, nobody may use the connection. What others have
 * posted until then is in the queue already, before the task that frees it.
 */
static void close_connection(Connection *connection)
{
    ConnectionGroup *group = connection->group;

    if (group->handler.on_close != NULL)
        group->handler.on_close(group->handler.context, connection);
    say(connection, "closed");
    connection->task.run = free_connection;
    event_loop_queue_in_loop(group->loop, &connection->task);
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

static void connection_on_work_done(void *context)
{
    Connection *connection = context;

    connection_current = connection;
    connection_work_free(connection);
    if (connection->owes_write_complete)
        connection_queue(connection); /* call_owed waited for the worker */
    connection_output_flush(connection);
    connection_input_handle(connection);
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
    if (connection->owes_write_complete && connection->work == NULL) {
        connection->owes_write_complete = false;
        if (connection->state == OPEN && buffer_is_empty(&connection->output))
            handler->on_write_complete(handler->context, connection);
    }
}

/* The connection's task comes back after the events in hand. */
static void connection_on_task(void *context)
{
    Connection *connection = context;

    if (connection->state == ENDED && connection->work == NULL) {
        close_connection(connection);
        return;
    }
    connection->queued = false;
    connection_current = connection;
    connection_output_flush(connection);
    call_owed(connection);
    connection_settle(connection);
}

static void connection_on_open(void *context)
{
    Connection *connection = context;
    ConnectionGroup *group = connection->group;

    connection->task.run = connection_on_task;
    connection_current = connection;
    link_to_group(connection);
    say(connection, "opened");
    if (group->handler.on_open != NULL)
        group->handler.on_open(group->handler.context, connection);
    connection_settle(connection);
}

void connection_use_workers(ConnectionGroup *group, ThreadPool *workers)
{
    connection_work_init(group, workers, connection_on_work_done);
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
    connection->task = (Task){.run = connection_on_open, .context = connection};
    event_loop_run_in_loop(group->loop, &connection->task);
    return 0;
}

/* A client may send for ever: what comes from now on is not waited for. */
static void drain(Connection *connection)
{
    connection_current = connection;
    if (connection->unread_at_drain == 0 && !connection->stops_reading) {
        unsigned unread = (unsigned)connection_count_unread(connection);
        connection->unread_at_drain = unread;
        connection->stops_reading = unread == 0;
    }
    connection_settle(connection);
}

void connection_drain_all(ConnectionGroup *group)
{
    Connection *connection = group->first;

    for (; connection != NULL; connection = connection->next)
        drain(connection);
}

/* A connection is closed by its task: so the list stays as it is here. */
static void end_all(ConnectionGroup *group)
{
    Connection *connection = group->first;

    for (; connection != NULL; connection = connection->next) {
        connection_work_drop(connection);
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

/* A post of this size is worth a send of its own. */
enum { LARGE_POST = 16 * 1024 };

/* Gather the bytes of small posts; connection_on_task sends them together. */
static void do_send(void *context)
{
    Post *post = context;
    Connection *connection = post->connection;

    connection->corked = post->size < LARGE_POST;
    connection_output_send(connection, post->data, post->size);
    connection->corked = false;
    connection_post_free(post);
}

void connection_send(Connection *connection, const void *data, size_t size)
{
    if (connection_is_in_hand(connection))
        connection_output_send(connection, data, size);
    else
        connection_post(connection, do_send, data, size);
}

static void do_finish(void *context)
{
    Post *post = context;
    Connection *connection = post->connection;

    connection_take_no_more(connection);
    connection_settle(connection);
    connection_post_free(post);
}

/* Posts that wait go out first. No message is taken from now on. */
void connection_finish(Connection *connection)
{
    if (connection == connection_current)
        connection->finish_called = true;
    if (connection_is_in_hand(connection))
        connection_take_no_more(connection);
    else
        connection_post(connection, do_finish, NULL, 0);
}

static void do_abort(void *context)
{
    Post *post = context;
    Connection *connection = post->connection;

    connection_end(connection);
    connection_settle(connection);
    connection_post_free(post);
}

/* Posts that wait are lost anyway: there is no order to keep. */
void connection_abort(Connection *connection)
{
    if (connection == connection_current)
        connection_end(connection);
    else
        connection_post(connection, do_abort, NULL, 0);
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
