#include "connection.h"
#include "connection_input.h"
#include "connection_output.h"
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

    pthread_mutex_lock(&group->lock);
    connection->next = group->first;
    if (group->first != NULL)
        group->first->previous = connection;
    group->first = connection;
    pthread_mutex_unlock(&group->lock);
}

static void unlink_from_group(Connection *connection)
{
    ConnectionGroup *group = connection->group;

    pthread_mutex_lock(&group->lock);
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        group->first = connection->next;
    pthread_mutex_unlock(&group->lock);
}

static void free_connection(Connection *connection)
{
    ConnectionGroup *group = connection->group;

    unlink_from_group(connection);
    buffer_reset(&connection->output);
    buffer_reset(&connection->input);
    close(connection->channel.fd);
    free(connection); /* on Linux a mutex is only its memory */
    group->on_closed(group->owner);
}

/* When on_close has returned, nobody may use the connection. */
static void close_connection(Connection *connection)
{
    ConnectionGroup *group = connection->group;

    if (connection->opened && group->handler.on_close != NULL)
        group->handler.on_close(group->handler.context, connection);
    say(connection, "closed");
    free_connection(connection);
}

/* The first event of a connection comes at once: it can be written to. */
static void call_on_open(Connection *connection)
{
    const ConnectionHandler *handler = &connection->group->handler;

    connection->opened = true;
    if (handler->on_open == NULL)
        return;
    pthread_mutex_unlock(&connection->lock);
    handler->on_open(handler->context, connection);
    pthread_mutex_lock(&connection->lock);
}

/* An error without EPOLLIN and EPOLLOUT shows in the next system call. */
static void connection_on_event(void *context)
{
    Connection *connection = context;
    uint32_t ready = connection->channel.ready;

    pthread_mutex_lock(&connection->lock);
    if (!(ready & (EPOLLIN | EPOLLOUT)))
        ready = connection->channel.events;
    connection_current = connection;
    if (!connection->opened)
        call_on_open(connection);
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
    pthread_mutex_unlock(&connection->lock);
}

/* On the worker's thread: the loop goes on with the next message. */
static void connection_on_work_done(void *context)
{
    Connection *connection = context;

    pthread_mutex_lock(&connection->lock);
    connection_work_free(connection);
    if (connection->state == ENDED)
        connection_queue(connection);
    else
        connection_look_again(connection);
    pthread_mutex_unlock(&connection->lock);
}

/* Call what must not be called from inside a callback. */
static void call_owed(Connection *connection)
{
    const ConnectionHandler *handler = &connection->group->handler;

    if (connection->owes_high_water) {
        connection->owes_high_water = false;
        if (connection->state == OPEN && connection->paused) {
            pthread_mutex_unlock(&connection->lock);
            handler->on_high_water(handler->context, connection);
            pthread_mutex_lock(&connection->lock);
        }
    }
}

/* The connection's task comes back after the events in hand. */
static void connection_on_task(void *context)
{
    Connection *connection = context;

    pthread_mutex_lock(&connection->lock);
    if (connection->state == ENDED && connection->work == NULL) {
        pthread_mutex_unlock(&connection->lock);
        close_connection(connection);
        return;
    }
    connection->queued = false;
    connection_current = connection;
    call_owed(connection);
    connection_settle(connection);
    pthread_mutex_unlock(&connection->lock);
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
    pthread_mutex_init(&connection->lock, NULL);
    channel_init(&connection->channel, event_loop_epoll(group->loop), fd,
                 connection_on_event, connection);
    connection->task = (Task){.run = connection_on_task, .context = connection};
    link_to_group(connection);
    say(connection, "opened");
    pthread_mutex_lock(&connection->lock);
    if (channel_watch(&connection->channel, EPOLLIN | EPOLLOUT) < 0) {
        connection_fail(connection, "epoll_ctl");
        connection_queue(connection);
    }
    pthread_mutex_unlock(&connection->lock);
    return 0;
}

/* A connection is closed by its task: so the list stays as it is here. */
static void end_all(ConnectionGroup *group)
{
    Connection *connection = group->first;

    for (; connection != NULL; connection = connection->next) {
        pthread_mutex_lock(&connection->lock);
        connection_work_drop(connection);
        connection_end(connection);
        connection_queue(connection);
        pthread_mutex_unlock(&connection->lock);
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
    pthread_mutex_lock(&connection->lock);
    connection_output_send(connection, data, size);
    if (connection->state == ENDED)
        connection_queue(connection);
    pthread_mutex_unlock(&connection->lock);
}

void connection_finish(Connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    connection_take_no_more(connection);
    connection_look_again(connection);
    pthread_mutex_unlock(&connection->lock);
}

void connection_abort(Connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    connection_end(connection);
    connection_queue(connection);
    pthread_mutex_unlock(&connection->lock);
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
