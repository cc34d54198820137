/*
 * Task: a call to be made later. Whoever gives a task away owns its memory
 * until run is called; from then on run owns it. So queueing a task needs no
 * memory, and can't fail.
 *
 * TaskQueue: tasks, first in first out; {0} is an empty queue. It has no lock:
 * threads that share a queue need one.
 */
#ifndef TASK_H
#define TASK_H

#include <stddef.h>

typedef struct Task {
    void (*run)(void *context);
    void *context;
    size_t size; /* bytes that wait with the task; 0: next to none */
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

/* Take the first task out. Return NULL if there is none. */
static inline Task *task_queue_take(TaskQueue *queue)
{
    Task *task = queue->first;

    if (task != NULL)
        queue->first = task->next;
    return task;
}

#endif
