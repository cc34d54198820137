#include "reactor.h"
#include "log.h"

static void say(const Reactor *reactor, const char *what,
                const Connection *connection)
{
    char text[INET_ADDRESS_TEXT];

    if (reactor->group.options->verbose)
        log_line("%s %s", what,
                 inet_address_format(connection_peer(connection), text));
}

static int on_opened(void *owner, Connection *connection)
{
    Reactor *reactor = owner;

    if (connection_table_put(&reactor->table, connection) < 0)
        return -1;
    say(reactor, "opened", connection);
    return 0;
}

static void on_ended(void *owner, Connection *connection)
{
    Reactor *reactor = owner;

    say(reactor, "closed", connection);
    connection_table_remove(&reactor->table, connection);
    connection_destroy(connection);
    reactor->on_ended(reactor->owner);
}

/* A loop that can't go on ends the server. */
static void run(void *context)
{
    Reactor *reactor = context;

    reactor->failed = event_loop_run(reactor->loop) < 0;
    if (reactor->failed)
        event_loop_quit(reactor->main_loop);
}

static void drain_connection(void *context, Connection *connection)
{
    (void)context;
    connection_drain(connection);
}

static void drain(void *context)
{
    Reactor *reactor = context;

    connection_table_visit(&reactor->table, drain_connection, NULL);
    event_loop_queue_in_loop(reactor->main_loop, &reactor->drained);
}

static void note_drained(void *context)
{
    Reactor *reactor = context;

    reactor->draining = false;
}

int reactor_open(Reactor *reactor, EventLoop *main_loop, bool own,
                 const ConnectionGroup *group, void (*ended)(void *owner),
                 void *owner)
{
    *reactor = (Reactor){
        .loop = own ? event_loop_create() : main_loop,
        .main_loop = main_loop,
        .group = *group,
        .on_ended = ended,
        .owner = owner,
        .run = {.run = run, .context = reactor},
        .drain = {.run = drain, .context = reactor},
        .drained = {.run = note_drained, .context = reactor},
    };
    reactor->group.loop = reactor->loop;
    reactor->group.on_opened = on_opened;
    reactor->group.on_ended = on_ended;
    reactor->group.owner = reactor;
    if (reactor->loop == NULL)
        return -1;
    if (group->options->delay > 0 && group->workers == NULL)
        event_loop_expect_delays(reactor->loop);
    return 0;
}

int reactor_close(Reactor *reactor)
{
    connection_table_visit(&reactor->table, on_ended, reactor);
    connection_table_reset(&reactor->table);
    if (reactor->loop != reactor->main_loop)
        event_loop_destroy(reactor->loop);
    return reactor->failed ? -1 : 0;
}

void reactor_start(Reactor *reactor, ThreadPool *threads)
{
    if (reactor->loop != reactor->main_loop)
        thread_pool_submit(threads, &reactor->run);
}

int reactor_serve(Reactor *reactor, int fd, const InetAddress *peer)
{
    Connection *connection = connection_create(&reactor->group, fd, peer);

    if (connection == NULL)
        return -1;
    connection_open(connection);
    return 0;
}

void reactor_drain(Reactor *reactor)
{
    if (reactor->draining)
        return;
    reactor->draining = true;
    event_loop_queue_in_loop(reactor->loop, &reactor->drain);
}

static void bring_report(void *context)
{
    Reactor *reactor = context;

    reactor->on_reported(reactor->owner);
}

/* By the loop's thread, so nothing changes while it is copied. */
static void make_report(void *context)
{
    Reactor *reactor = context;
    Statistics *statistics = &reactor->statistics;

    *statistics = reactor->group.statistics;
    statistics->timers = event_loop_timers(reactor->loop)->count;
    event_loop_count(reactor->loop, &statistics->queued, &statistics->woken);
    reactor->report.run = bring_report;
    event_loop_queue_in_loop(reactor->main_loop, &reactor->report);
}

void reactor_report(Reactor *reactor, void (*on_reported)(void *owner))
{
    reactor->on_reported = on_reported;
    reactor->report = (Task){.run = make_report, .context = reactor};
    event_loop_queue_in_loop(reactor->loop, &reactor->report);
}

void reactor_print(const Reactor *reactor, FILE *out, unsigned number,
                   Statistics *sum)
{
    char name[32];

    snprintf(name, sizeof(name), "loop %u", number);
    statistics_print(out, name, &reactor->statistics);
    statistics_add(sum, &reactor->statistics);
}
