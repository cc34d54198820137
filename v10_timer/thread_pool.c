#include "thread_pool.h"
#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct ThreadPool {
    pthread_mutex_t lock; /* guards queue and stop */
    pthread_cond_t changed; /* signalled when one of the two has changed */
    TaskQueue queue;
    bool stop;
    unsigned count;
    pthread_t threads[];
};

/* Wait for a task. Return NULL when the pool stops. */
static Task *next_task(ThreadPool *pool)
{
    Task *task = NULL;

    pthread_mutex_lock(&pool->lock);
    while (!pool->stop && pool->queue.first == NULL)
        pthread_cond_wait(&pool->changed, &pool->lock);
    if (!pool->stop)
        task = task_queue_take(&pool->queue);
    pthread_mutex_unlock(&pool->lock);
    return task;
}

static void *run_thread(void *context)
{
    ThreadPool *pool = context;
    Task *task;

    while ((task = next_task(pool)) != NULL)
        task->run(task->context);
    return NULL;
}

ThreadPool *thread_pool_create(unsigned threads)
{
    ThreadPool *pool =
        calloc(1, sizeof(*pool) + threads * sizeof(pool->threads[0]));

    if (pool == NULL) {
        log_error("thread pool");
        return NULL;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    for (; pool->count < threads; pool->count++) {
        errno =
            pthread_create(&pool->threads[pool->count], NULL, run_thread, pool);
        if (errno != 0) {
            log_error("pthread_create");
            thread_pool_destroy(pool);
            return NULL;
        }
    }
    return pool;
}

void thread_pool_submit(ThreadPool *pool, Task *task)
{
    pthread_mutex_lock(&pool->lock);
    task_queue_put(&pool->queue, task);
    pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

void thread_pool_destroy(ThreadPool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
