#include "reactor.h"

/* A loop that can't go on ends the server. */
static void run_reactor(void *context)
{
    Reactor *reactor = context;

    reactor->failed = event_loop_run(reactor->loop) < 0;
    if (reactor->failed)
        event_loop_quit(reactor->main_loop);
}

/* On the loop's thread. */
static void drain_group(void *context)
{
    Reactor *reactor = context;

    connection_drain_all(&reactor->group);
    event_loop_queue_in_loop(reactor->main_loop, &reactor->drain_returned);
}

/* Back on the main thread: the tasks may be queued again. */
static void note_drained(void *context)
{
    Reactor *reactor = context;

    reactor->drain_queued = false;
}

int reactor_open(Reactor *reactor, EventLoop *main_loop, bool own_loop,
                 const ConnectionGroup *group)
{
    reactor->loop = own_loop ? event_loop_create() : main_loop;
    if (reactor->loop == NULL)
        return -1;
    reactor->main_loop = main_loop;
    reactor->group = *group;
    reactor->group.loop = reactor->loop;
    reactor->group.scratch = reactor->scratch;
    reactor->run = (Task){.run = run_reactor, .context = reactor};
    reactor->drain = (Task){.run = drain_group, .context = reactor};
    reactor->drain_returned = (Task){.run = note_drained, .context = reactor};
    if (group->handler.slow && group->workers == NULL)
        event_loop_expect_slow_callbacks(reactor->loop);
    return 0;
}

int reactor_close(Reactor *reactor)
{
    connection_close_all(&reactor->group);
    if (reactor->loop != reactor->main_loop)
        event_loop_destroy(reactor->loop);
    return reactor->failed ? -1 : 0;
}

void reactor_start(Reactor *reactor, ThreadPool *threads)
{
    if (reactor->loop != reactor->main_loop)
        thread_pool_submit(threads, &reactor->run);
}

void reactor_drain(Reactor *reactor)
{
    if (reactor->drain_queued)
        return;
    reactor->drain_queued = true;
    event_loop_queue_in_loop(reactor->loop, &reactor->drain);
}
