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

/* A lost wake-up would stall the loop. The rest is in milliseconds. */
enum { WAKE_TRIES = 100, WAKE_REST = 1 };

typedef struct SignalHandler {
    void (*on_signal)(void *context);
    void *context;
} SignalHandler;

/* A thread that fills a queue beyond this waits, so memory stays bounded. */
enum { QUEUE_LIMIT = 1024 * 1024 };

/* The loop that the calling thread runs. */
static _Thread_local EventLoop *here;

/* A loop whose queue this thread has filled beyond the limit; NULL: none. */
static _Thread_local EventLoop *overrun;

struct EventLoop {
    Epoll epoll;
    Channel signals; /* a signalfd; fd -1: no signal is caught */
    sigset_t caught;
    SignalHandler handlers[NSIG];
    bool slow; /* callbacks may take long */
    bool tasks_due; /* true while tasks must run before the next wait */
    bool ending; /* a copy of quit, for the loop's thread */
    pthread_mutex_t lock; /* guards the fields from quit to woken */
    bool quit;
    TaskQueue tasks;
    size_t waiting; /* bytes that wait with the tasks */
    uint64_t queued;
    uint64_t woken;
    Channel wakeup; /* an eventfd: other threads end the loop's wait with it */
    TimerQueue timers;
};

static void event_loop_on_wakeup(void *context)
{
    EventLoop *loop = context;
    eventfd_t count;

    eventfd_read(loop->wakeup.fd, &count);
    loop->tasks_due = true;
}

static int open_wakeup(EventLoop *loop)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    channel_init(&loop->wakeup, &loop->epoll, fd, event_loop_on_wakeup, loop);
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
    sigemptyset(&loop->caught);
    loop->signals.fd = -1;
    pthread_mutex_init(&loop->lock, NULL);
    loop->timers.channel.fd = -1;
    if (open_wakeup(loop) < 0 ||
        timer_queue_open(&loop->timers, &loop->epoll) < 0) {
        event_loop_destroy(loop);
        return NULL;
    }
    return loop;
}

void event_loop_destroy(EventLoop *loop)
{
    if (loop->timers.channel.fd >= 0)
        timer_queue_close(&loop->timers);
    if (loop->wakeup.fd >= 0)
        close(loop->wakeup.fd);
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

TimerQueue *event_loop_timers(EventLoop *loop)
{
    return &loop->timers;
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

/* Signals, timers and tasks must not wait behind clients slow to serve. */
static void look_around(EventLoop *loop)
{
    if (loop->signals.fd >= 0)
        event_loop_on_signal(loop);
    timer_queue_run(&loop->timers);
    loop->tasks_due = true;
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
    loop->waiting = 0;
    loop->ending = loop->quit;
    pthread_mutex_unlock(&loop->lock);
    loop->tasks_due = false;
    bool any = tasks.first != NULL;
    while ((task = task_queue_take(&tasks)) != NULL)
        task->run(task->context);
    return any;
}

int event_loop_run(EventLoop *loop)
{
    int count = 0;

    here = loop;
    while (!loop->ending && count >= 0) {
        count = epoll_await(&loop->epoll, loop->slow ? 1 : EPOLL_BATCH,
                            loop->tasks_due ? 0 : -1);
        for (int i = 0; i < count; i++) {
            Channel *channel = channel_of_event(&loop->epoll, i);
            channel->on_ready(channel->context);
        }
        if (loop->slow)
            look_around(loop);
        if (loop->tasks_due)
            run_batch(loop);
        if (overrun != NULL)
            event_loop_wait_for_others();
    }
    here = NULL;
    return count < 0 ? -1 : 0;
}

static void write_wakeup(EventLoop *loop)
{
    int tries = 0;

    while (eventfd_write(loop->wakeup.fd, 1) < 0 && ++tries < WAKE_TRIES) {
        if (tries == 1 && errno != EINTR && errno != EAGAIN)
            log_error("eventfd_write");
        poll(NULL, 0, WAKE_REST);
    }
}

/* The loop's own thread looks for tasks before it waits. */
static void wake(EventLoop *loop)
{
    if (event_loop_is_here(loop))
        loop->tasks_due = true;
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

/* Only the first task of a batch wakes the loop: it takes all at once. */
void event_loop_queue_in_loop(EventLoop *loop, Task *task)
{
    pthread_mutex_lock(&loop->lock);
    bool first = loop->tasks.first == NULL;
    task_queue_put(&loop->tasks, task);
    loop->waiting += task->size;
    if (loop->waiting > QUEUE_LIMIT && !event_loop_is_here(loop))
        overrun = loop;
    loop->queued++;
    if (first && !event_loop_is_here(loop))
        loop->woken++;
    pthread_mutex_unlock(&loop->lock);
    if (first)
        wake(loop);
}

static bool is_overrun(EventLoop *loop)
{
    pthread_mutex_lock(&loop->lock);
    bool is = loop->waiting > QUEUE_LIMIT && !loop->quit;
    pthread_mutex_unlock(&loop->lock);
    return is;
}

/* Two loops may wait for each other: so each takes its own queue meanwhile. */
void event_loop_wait_for_others(void)
{
    while (overrun != NULL && is_overrun(overrun)) {
        poll(NULL, 0, 1);
        if (here != NULL)
            run_batch(here);
    }
    overrun = NULL;
}

void event_loop_run_in_loop(EventLoop *loop, Task *task)
{
    if (event_loop_is_here(loop))
        task->run(task->context);
    else
        event_loop_queue_in_loop(loop, task);
}

void event_loop_run_tasks(EventLoop *loop)
{
    here = loop;
    while (run_batch(loop))
        ;
    here = NULL;
}

void event_loop_count(EventLoop *loop, uint64_t *queued, uint64_t *woken)
{
    pthread_mutex_lock(&loop->lock);
    *queued = loop->queued;
    *woken = loop->woken;
    pthread_mutex_unlock(&loop->lock);
}
