#include "timer_queue.h"
#include "log.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { SECOND = 1000000000 };

/* A timerfd not set would never fire. The rest is in milliseconds. */
enum { SET_TRIES = 100, SET_REST = 1 };

int64_t timer_queue_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (int64_t)SECOND + now.tv_nsec;
}

static void put(TimerQueue *queue, Timer *timer, size_t place)
{
    queue->heap[place] = timer;
    timer->place = place;
}

/* Move a timer towards the front, past those that are due later. */
static void move_up(TimerQueue *queue, Timer *timer)
{
    size_t place = timer->place;

    while (place > 1 && queue->heap[place / 2]->due > timer->due) {
        put(queue, queue->heap[place / 2], place);
        place /= 2;
    }
    put(queue, timer, place);
}

/* Move a timer towards the end, past those that are due sooner. */
static void move_down(TimerQueue *queue, Timer *timer)
{
    size_t place = timer->place;

    while (place * 2 <= queue->count) {
        size_t next = place * 2;
        if (next < queue->count &&
            queue->heap[next + 1]->due < queue->heap[next]->due)
            next++;
        if (queue->heap[next]->due >= timer->due)
            break;
        put(queue, queue->heap[next], place);
        place = next;
    }
    put(queue, timer, place);
}

/* Return whether the timerfd could be set. */
static bool set_timerfd(TimerQueue *queue, int64_t due)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = due / SECOND, .tv_nsec = due % SECOND},
    };
    int tries = 0;

    while (timerfd_settime(queue->channel.fd, TFD_TIMER_ABSTIME, &when, NULL) <
           0) {
        if (tries == 0)
            log_error("timerfd_settime");
        if (++tries == SET_TRIES)
            return false;
        poll(NULL, 0, SET_REST);
    }
    return true;
}

/*
 * Set the timerfd for the first timer, unless it is set for an earlier time.
 * An earlier time may belong to a timer that was cleared: then the loop wakes
 * up once for nothing. That costs less than a system call for each clear.
 */
static void set_for_first(TimerQueue *queue)
{
    if (queue->running != 0 || queue->count == 0)
        return;
    int64_t due = queue->heap[1]->due;
    if (queue->set_for != 0 && queue->set_for <= due)
        return;
    queue->set_for = set_timerfd(queue, due) ? due : 0;
}

/*
 * A callback may set and clear any timer, also its own. So take each timer out
 * before its call, and look for the first timer again after each call.
 */
void timer_queue_run(TimerQueue *queue)
{
    int64_t now = timer_queue_now();

    queue->running = now;
    while (queue->count > 0 && queue->heap[1]->due <= now) {
        Timer *timer = queue->heap[1];
        timer_queue_clear(queue, timer);
        timer->on_due(timer->context);
    }
    queue->running = 0;
    set_for_first(queue);
}

static void timer_queue_on_event(void *context)
{
    TimerQueue *queue = context;
    uint64_t times;

    if (read(queue->channel.fd, &times, sizeof(times)) == sizeof(times))
        queue->set_for = 0;
    timer_queue_run(queue);
}

int timer_queue_open(TimerQueue *queue, Epoll *epoll)
{
    int flags = TFD_CLOEXEC | TFD_NONBLOCK;
    int fd = timerfd_create(CLOCK_MONOTONIC, flags);

    *queue = (TimerQueue){0};
    channel_init(&queue->channel, epoll, fd, timer_queue_on_event, queue);
    if (fd < 0) {
        log_error("timerfd_create");
        return -1;
    }
    if (channel_watch(&queue->channel, EPOLLIN) < 0) {
        log_error("epoll_ctl");
        close(fd);
        queue->channel.fd = -1;
        return -1;
    }
    return 0;
}

void timer_queue_close(TimerQueue *queue)
{
    free(queue->heap);
    close(queue->channel.fd);
}

static int make_place(TimerQueue *queue)
{
    size_t capacity = queue->capacity ? queue->capacity * 2 : 16;

    if (queue->count + 1 < queue->capacity)
        return 0;
    Timer **heap = realloc(queue->heap, capacity * sizeof(Timer *));
    if (heap == NULL)
        return -1;
    queue->heap = heap;
    queue->capacity = capacity;
    return 0;
}

int timer_queue_set(TimerQueue *queue, Timer *timer, int64_t due)
{
    if (timer->place == 0) {
        if (make_place(queue) < 0)
            return -1;
        put(queue, timer, ++queue->count);
    }
    /* Make it due after the timers that are being called now, and over 0,
     * which would stop the timerfd. */
    timer->due = due > queue->running ? due : queue->running + 1;
    move_up(queue, timer);
    move_down(queue, timer);
    set_for_first(queue);
    return 0;
}

void timer_queue_clear(TimerQueue *queue, Timer *timer)
{
    size_t place = timer->place;

    if (place == 0)
        return;
    timer->place = 0;
    Timer *last = queue->heap[queue->count--];
    if (last != timer) {
        put(queue, last, place);
        move_up(queue, last);
        move_down(queue, last);
    }
}
