/*
 * ThreadPool: threads that run tasks from one queue. Any thread may give it
 * tasks; each is run once, by one of the pool's threads.
 *
 * Owned by whoever created it.
 */
#ifndef THREAD_POOL_H
#define THREAD_POOL_H

#include "task.h"

typedef struct ThreadPool ThreadPool;

/* Returns a new pool, or NULL; then what failed has been said. */
ThreadPool *thread_pool_create(unsigned threads);

/* Queues a task. It does not wait and can't fail. */
void thread_pool_submit(ThreadPool *pool, Task *task);

/*
 * Waits until the tasks in hand are done. Those still in the queue are not
 * run; their memory stays their giver's.
 */
void thread_pool_destroy(ThreadPool *pool);

#endif
