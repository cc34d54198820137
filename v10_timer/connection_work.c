#include "connection_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A message that a worker has, and what comes of it. */
struct Work {
    Task task;
    Buffer reply;
    int error; /* why there is no reply; 0: there is */
    bool finished; /* the handler has finished the connection */
    size_t size;
    char data[];
};

/* The worker is done: its reply goes out, the next message may go in. */
static void finish_work(void *context)
{
    Connection *connection = context;
    Work *work = connection->work;

    connection->work = NULL;
    connection->handling = true;
    errno = work->error;
    if (work->error != 0)
        connection_fail(connection, "output");
    connection_send_buffer(connection, &work->reply);
    if (work->finished)
        connection_finish(connection);
    connection_work_destroy(work);
    if (connection->written)
        connection_queue(connection);
    connection_handle_input(connection);
    connection_settle(connection);
    connection->handling = false;
}

/* By a worker: the connection is not its own, but the work is. */
static void do_work(void *context)
{
    Connection *connection = context;
    const ConnectionHandler *handler = &connection->group->handler;
    Work *work = connection->work;

    handler->on_message(handler->context, connection, work->data, work->size);
    work->task.run = finish_work;
    event_loop_queue_in_loop(connection->group->loop, &work->task);
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

void connection_work_send(Work *work, const void *data, size_t size)
{
    if (!work->finished && buffer_append(&work->reply, data, size) < 0)
        work->error = errno;
}

void connection_work_finish(Work *work)
{
    work->finished = true;
}

void connection_work_destroy(Work *work)
{
    buffer_reset(&work->reply);
    free(work);
}
