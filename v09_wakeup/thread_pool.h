/*
 * ThreadPool: threads that run tasks from one queue. Any thread may submit
 * tasks; one of the pool's threads runs each task once.
 *
 * The creator of a pool owns it.
 */
#ifndef THREAD_POOL_H
#define THREAD_POOL_H

#include "task.h"

typedef struct ThreadPool ThreadPool;

/* Return a new pool with its threads, or NULL after saying what failed. */
ThreadPool *thread_pool_create(unsigned threads);

/* Queue a task. This does not wait and can't fail. */
void thread_pool_submit(ThreadPool *pool, Task *task);

/*
 * Wait until the running tasks are done, and free the pool. Tasks that still
 * wait in the queue are not run; their givers still own them.
 */
void thread_pool_destroy(ThreadPool *pool);

#endif
