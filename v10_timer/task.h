/*
 * Task: something to be done later, often by another thread. The memory is the
 * giver's and must last until run is called; then it is run's. So a task can
 * always be queued: there is nothing to run out of.
 *
 * TaskQueue: tasks in order, first in first out. {0} is an empty one. It
 * knows nothing of threads: whoever shares one locks it.
 */
#ifndef TASK_H
#define TASK_H

#include <stddef.h>

typedef struct Task {
    void (*run)(void *context);
    void *context;
    struct Task *next;
} Task;

typedef struct TaskQueue {
    Task *first;
    Task *last;
} TaskQueue;

static inline void task_queue_put(TaskQueue *queue, Task *task)
{
    task->next = NULL;
    if (queue->first == NULL)
        queue->first = task;
    else
        queue->last->next = task;
    queue->last = task;
}

/* Takes the first task out; NULL: there is none. */
static inline Task *task_queue_take(TaskQueue *queue)
{
    Task *task = queue->first;

    if (task != NULL)
        queue->first = task->next;
    return task;
}

#endif
