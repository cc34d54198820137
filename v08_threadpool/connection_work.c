#include "connection_state.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A message that a worker has, and what comes of it. */
struct Work {
    Task task;
    size_t size;
    char data[];
};

/* There is something for the loop to do, now that the worker is done. */
static bool is_waited_for(const Connection *connection)
{
    return connection->pending || connection->read_ended ||
           connection->state != OPEN || !buffer_is_empty(&connection->output);
}

/*
 * What is to be done next is the loop's: its thread finds the socket
 * writable, which it is but when output waits. If even that can't be
 * arranged, the socket is shut down, which the loop is told of; unless it
 * does not watch it, so that nobody but this thread knows the connection.
 * Returns whether that is so.
 */
static bool give_back(Connection *connection)
{
    Channel *channel = &connection->channel;

    connection->work = NULL;
    if (!is_waited_for(connection) ||
        channel_watch(channel, channel->events | EPOLLOUT) == 0)
        return false;
    connection_fail(connection, "epoll_ctl");
    shutdown(channel->fd, SHUT_RDWR);
    return channel->events == 0;
}

/*
 * While a worker has the message, the connection is not freed, and no other
 * message of it is handed up.
 */
static void do_work(void *context)
{
    Connection *connection = context;
    ConnectionGroup *group = connection->group;
    Work *work = connection->work;

    group->handler.on_message(group->handler.context, connection, work->data,
                              work->size);
    pthread_mutex_lock(&connection->lock);
    bool ended = give_back(connection);
    pthread_mutex_unlock(&connection->lock);
    connection_work_destroy(work);
    if (ended)
        group->on_ended(group->owner, connection);
}

void connection_give_to_worker(Connection *connection, const char *data,
                               size_t size)
{
    Work *work = malloc(sizeof(*work) + size);

    if (work == NULL) {
        connection_fail(connection, "message");
        return;
    }
    *work = (Work){
        .task = {.run = do_work, .context = connection},
        .size = size,
    };
    memcpy(work->data, data, size);
    connection->work = work;
    thread_pool_submit(connection->group->workers, &work->task);
}

size_t connection_work_size(const Work *work)
{
    return work->size;
}

void connection_work_destroy(Work *work)
{
    free(work);
}
