#include "reactor.h"
#include "log.h"

#include <stdio.h>
#include <stdlib.h>

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
                 const ConnectionGroup *group, unsigned number)
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
    reactor->number = number;
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

typedef struct Report {
    Task task;
    Reactor *reactor;
} Report;

/* On the loop's thread, which alone changes the counts. */
static void print_report(void *context)
{
    Report *report = context;
    Reactor *reactor = report->reactor;
    Statistics *statistics = &reactor->group.statistics;
    char name[32];

    statistics->timers = event_loop_timers(reactor->loop)->count;
    event_loop_count(reactor->loop, &statistics->queued, &statistics->woken);
    snprintf(name, sizeof(name), "loop %u", reactor->number);
    statistics_print(name, statistics);
    free(report);
}

void reactor_report(Reactor *reactor)
{
    Report *report = malloc(sizeof(*report));

    if (report == NULL) {
        log_error("report");
        return;
    }
    report->task = (Task){.run = print_report, .context = report};
    report->reactor = reactor;
    event_loop_queue_in_loop(reactor->loop, &report->task);
}
