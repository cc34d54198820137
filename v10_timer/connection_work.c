#include "connection_work.h"

#include <stdlib.h>
#include <string.h>

/* On a worker's thread. */
static void do_work(void *context)
{
    Connection *connection = context;
    ConnectionGroup *group = connection->group;
    Work *work = connection->work;

    work->started = true;
    group->program_on_message(group->handler.context, connection, work->data,
                              work->size);
    event_loop_wait_for_others();
    work->task.run = group->on_work_done;
    event_loop_queue_in_loop(group->loop, &work->task);
}

/* Takes the place of the program's on_message, on the loop's thread. */
static void give_to_worker(void *context, Connection *connection,
                           const char *data, size_t size)
{
    Work *work = malloc(sizeof(*work) + size);

    (void)context;
    if (work == NULL) {
        connection_fail(connection, "message");
        return;
    }
    work->task = (Task){.run = do_work, .context = connection};
    work->started = false;
    work->size = size;
    memcpy(work->data, data, size);
    connection->work = work;
    thread_pool_submit(connection->group->workers, &work->task);
}

void connection_work_init(ConnectionGroup *group, ThreadPool *workers,
                          void (*on_done)(void *connection))
{
    group->workers = workers;
    group->program_on_message = group->handler.on_message;
    group->on_work_done = on_done;
    group->handler.on_message = give_to_worker;
}

void connection_work_free(Connection *connection)
{
    free(connection->work);
    connection->work = NULL;
}

void connection_work_drop(Connection *connection)
{
    if (connection->work != NULL && !connection->work->started)
        connection_work_free(connection);
}
