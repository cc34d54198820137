#include "reactor.h"

/* A loop that can't go on ends the server. */
static void run(void *context)
{
    Reactor *reactor = context;

    reactor->failed = event_loop_run(reactor->loop) < 0;
    if (reactor->failed)
        event_loop_quit(reactor->main_loop);
}

int reactor_open(Reactor *reactor, EventLoop *main_loop, bool own)
{
    *reactor = (Reactor){
        .loop = own ? event_loop_create() : main_loop,
        .main_loop = main_loop,
        .run = {.run = run, .context = reactor},
    };
    return reactor->loop == NULL ? -1 : 0;
}

int reactor_close(Reactor *reactor)
{
    if (reactor->loop != reactor->main_loop)
        event_loop_destroy(reactor->loop);
    return reactor->failed ? -1 : 0;
}

void reactor_start(Reactor *reactor, ThreadPool *threads)
{
    if (reactor->loop != reactor->main_loop)
        thread_pool_submit(threads, &reactor->run);
}
