#include "event_loop.h"
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How often a call is made that must not fail; milliseconds between. */
enum { TRIES = 100, REST = 1 };

typedef struct SignalHandler {
    void (*on_signal)(void *context);
    void *context;
} SignalHandler;

/* The loop that the calling thread runs. */
static _Thread_local EventLoop *here;

struct EventLoop {
    Epoll epoll;
    Channel signals; /* fd -1: none is caught */
    sigset_t caught;
    SignalHandler handlers[NSIG];
    pthread_mutex_t lock; /* guards all up to wakeup */
    bool quit;
    TaskQueue tasks;
    Channel wakeup; /* an eventfd: others end the loop's wait with it */
    bool slow; /* callbacks may take long */
    bool due; /* tasks are to be run before the next wait */
    bool ending; /* quit, as far as the loop has heard */
};

/*
 * The tasks are taken all at once, and run without the lock: they may queue
 * others. Returns whether there were any.
 */
static bool run_tasks(EventLoop *loop)
{
    Task *task;

    pthread_mutex_lock(&loop->lock);
    TaskQueue tasks = loop->tasks;
    loop->tasks = (TaskQueue){0};
    loop->ending = loop->quit;
    pthread_mutex_unlock(&loop->lock);
    loop->due = false;
    bool any = tasks.first != NULL;
    while ((task = task_queue_take(&tasks)) != NULL)
        task->run(task->context);
    return any;
}

static void handle_wakeup(void *context)
{
    EventLoop *loop = context;
    eventfd_t count;

    eventfd_read(loop->wakeup.fd, &count);
    loop->due = true;
}

static int open_wakeup(EventLoop *loop)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    channel_init(&loop->wakeup, &loop->epoll, fd, handle_wakeup, loop);
    if (fd < 0) {
        log_error("eventfd");
        return -1;
    }
    if (channel_watch(&loop->wakeup, EPOLLIN) < 0) {
        log_error("epoll_ctl");
        return -1;
    }
    return 0;
}

EventLoop *event_loop_create(void)
{
    EventLoop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL) {
        log_error("event loop");
        return NULL;
    }
    if (epoll_open(&loop->epoll) < 0) {
        free(loop);
        return NULL;
    }
    pthread_mutex_init(&loop->lock, NULL);
    sigemptyset(&loop->caught);
    loop->signals.fd = -1;
    if (open_wakeup(loop) < 0) {
        event_loop_destroy(loop);
        return NULL;
    }
    return loop;
}

void event_loop_destroy(EventLoop *loop)
{
    if (loop->signals.fd >= 0)
        close(loop->signals.fd);
    if (loop->wakeup.fd >= 0)
        close(loop->wakeup.fd);
    epoll_close(&loop->epoll);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

Epoll *event_loop_epoll(EventLoop *loop)
{
    return &loop->epoll;
}

static void handle_signal(void *context)
{
    EventLoop *loop = context;
    struct signalfd_siginfo info;

    while (read(loop->signals.fd, &info, sizeof(info)) == sizeof(info)) {
        SignalHandler *handler = &loop->handlers[info.ssi_signo];
        handler->on_signal(handler->context);
    }
}

int event_loop_catch_signal(EventLoop *loop, int signo,
                            void (*on_signal)(void *context), void *context)
{
    loop->handlers[signo] = (SignalHandler){on_signal, context};
    sigaddset(&loop->caught, signo);
    sigprocmask(SIG_BLOCK, &loop->caught, NULL);
    int fd =
        signalfd(loop->signals.fd, &loop->caught, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        log_error("signalfd");
        return -1;
    }
    if (loop->signals.fd < 0)
        channel_init(&loop->signals, &loop->epoll, fd, handle_signal, loop);
    if (channel_watch(&loop->signals, EPOLLIN) < 0) {
        log_error("epoll_ctl");
        return -1;
    }
    return 0;
}

void event_loop_expect_delays(EventLoop *loop)
{
    loop->slow = true;
    loop->epoll.batch = 1;
}

/* What is not a client's does not queue behind clients that are slow. */
static void look_around(EventLoop *loop)
{
    if (loop->signals.fd >= 0)
        handle_signal(loop);
    loop->due = true;
}

int event_loop_run(EventLoop *loop)
{
    int count = 0;

    here = loop;
    while (!loop->ending && count >= 0) {
        count = epoll_await(&loop->epoll, loop->due ? 0 : -1);
        for (int i = 0; i < count; i++) {
            Channel *channel = channel_ready(&loop->epoll, i);
            channel->on_ready(channel->context);
        }
        if (loop->slow)
            look_around(loop);
        if (loop->due)
            run_tasks(loop);
    }
    while (run_tasks(loop))
        ;
    here = NULL;
    return count < 0 ? -1 : 0;
}

/* Nobody else will wake the loop for what is queued: it must not fail. */
static void write_wakeup(EventLoop *loop)
{
    int tries = 0;

    while (eventfd_write(loop->wakeup.fd, 1) < 0 && ++tries < TRIES) {
        if (tries == 1 && errno != EINTR && errno != EAGAIN)
            log_error("eventfd_write");
        poll(NULL, 0, REST);
    }
}

/* The loop's own thread need not be woken: it looks before it waits. */
static void wake(EventLoop *loop)
{
    if (event_loop_is_here(loop))
        loop->due = true;
    else
        write_wakeup(loop);
}

void event_loop_quit(EventLoop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->quit = true;
    pthread_mutex_unlock(&loop->lock);
    wake(loop);
}

bool event_loop_is_here(const EventLoop *loop)
{
    return loop == here;
}

/* Where tasks are waiting already, somebody has woken the loop before. */
void event_loop_queue_in_loop(EventLoop *loop, Task *task)
{
    pthread_mutex_lock(&loop->lock);
    bool first = loop->tasks.first == NULL;
    task_queue_put(&loop->tasks, task);
    pthread_mutex_unlock(&loop->lock);
    if (first)
        wake(loop);
}

void event_loop_run_in_loop(EventLoop *loop, Task *task)
{
    if (event_loop_is_here(loop))
        task->run(task->context);
    else
        event_loop_queue_in_loop(loop, task);
}
