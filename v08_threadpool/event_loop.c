#include "event_loop.h"
#include "log.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How often the loop looks for what other threads want, in milliseconds. */
enum { TICK = 10 };

typedef struct SignalHandler {
    void (*on_signal)(void *context);
    void *context;
} SignalHandler;

struct EventLoop {
    Epoll epoll;
    Channel signals; /* a signalfd; fd -1: no signal is caught */
    sigset_t caught;
    SignalHandler handlers[NSIG];
    bool slow; /* callbacks may take long */
    pthread_mutex_t lock; /* guards quit and tasks */
    bool quit;
    TaskQueue tasks;
};

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
    sigemptyset(&loop->caught);
    loop->signals.fd = -1;
    pthread_mutex_init(&loop->lock, NULL);
    return loop;
}

void event_loop_destroy(EventLoop *loop)
{
    pthread_mutex_destroy(&loop->lock);
    if (loop->signals.fd >= 0)
        close(loop->signals.fd);
    epoll_close(&loop->epoll);
    free(loop);
}

Epoll *event_loop_epoll(EventLoop *loop)
{
    return &loop->epoll;
}

static void event_loop_on_signal(void *context)
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
    /* Make a descriptor if there is none (-1), else change that one. */
    int fd =
        signalfd(loop->signals.fd, &loop->caught, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        log_error("signalfd");
        return -1;
    }
    if (loop->signals.fd < 0)
        channel_init(&loop->signals, &loop->epoll, fd, event_loop_on_signal,
                     loop);
    if (channel_watch(&loop->signals, EPOLLIN) < 0) {
        log_error("epoll_ctl");
        return -1;
    }
    return 0;
}

void event_loop_expect_slow_callbacks(EventLoop *loop)
{
    loop->slow = true;
}

/* Signals must not wait behind clients slow to serve. */
static void look_around(EventLoop *loop)
{
    if (loop->signals.fd >= 0)
        event_loop_on_signal(loop);
}

/*
 * Run one batch of tasks. A task that they queue waits for the next batch.
 * Return whether there were any.
 */
static bool run_batch(EventLoop *loop)
{
    Task *task;

    pthread_mutex_lock(&loop->lock);
    TaskQueue tasks = loop->tasks;
    loop->tasks = (TaskQueue){0};
    pthread_mutex_unlock(&loop->lock);
    bool any = tasks.first != NULL;
    while ((task = task_queue_take(&tasks)) != NULL)
        task->run(task->context);
    return any;
}

static bool has_quit(EventLoop *loop)
{
    pthread_mutex_lock(&loop->lock);
    bool quit = loop->quit;
    pthread_mutex_unlock(&loop->lock);
    return quit;
}

int event_loop_run(EventLoop *loop)
{
    int count = 0;

    while (!has_quit(loop) && count >= 0) {
        count = epoll_await(&loop->epoll, loop->slow ? 1 : EPOLL_BATCH, TICK);
        for (int i = 0; i < count; i++) {
            Channel *channel = channel_of_event(&loop->epoll, i);
            channel->on_ready(channel->context);
        }
        if (loop->slow)
            look_around(loop);
        run_batch(loop);
    }
    return count < 0 ? -1 : 0;
}

void event_loop_quit(EventLoop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->quit = true;
    pthread_mutex_unlock(&loop->lock);
}

void event_loop_queue_in_loop(EventLoop *loop, Task *task)
{
    pthread_mutex_lock(&loop->lock);
    task_queue_put(&loop->tasks, task);
    pthread_mutex_unlock(&loop->lock);
}

void event_loop_run_tasks(EventLoop *loop)
{
    while (run_batch(loop))
        ;
}
