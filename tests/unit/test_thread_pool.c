#include "thread_pool.h"
#include "unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static int tasks_each = 5000;

typedef struct Job {
    Task task;
    int runs;
    struct Job *again; /* to be submitted by this one */
    ThreadPool *pool;
} Job;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int done;
static sem_t entered, go_on;

static void count(void *context)
{
    Job *job = context;

    pthread_mutex_lock(&lock);
    job->runs++;
    done++;
    pthread_mutex_unlock(&lock);
    if (job->again != NULL)
        thread_pool_submit(job->pool, &job->again->task);
}

static int done_so_far(void)
{
    pthread_mutex_lock(&lock);
    int so_far = done;
    pthread_mutex_unlock(&lock);
    return so_far;
}

static void wait_for(int wanted)
{
    while (done_so_far() < wanted)
        usleep(500);
}

static void hold(void *context)
{
    (void)context;
    sem_post(&entered);
    sem_wait(&go_on);
    pthread_mutex_lock(&lock);
    done++;
    pthread_mutex_unlock(&lock);
}

typedef struct Giver {
    ThreadPool *pool;
    Job *jobs;
} Giver;

static void *give(void *context)
{
    Giver *giver = context;

    for (int i = 0; i < tasks_each; i++)
        thread_pool_submit(giver->pool, &giver->jobs[i].task);
    return NULL;
}

/* Three threads give tasks to four. */
static void each_task_runs_once(void)
{
    ThreadPool *pool = thread_pool_create(4);
    int all = 3 * tasks_each;
    Job *jobs = calloc((size_t)all, sizeof(*jobs));
    pthread_t threads[3];
    Giver givers[3];

    done = 0;
    for (int i = 0; i < all; i++)
        jobs[i].task = (Task){.run = count, .context = &jobs[i]};
    for (int i = 0; i < 3; i++) {
        givers[i] = (Giver){pool, jobs + i * tasks_each};
        pthread_create(&threads[i], NULL, give, &givers[i]);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    wait_for(all);
    thread_pool_destroy(pool);
    EXPECT_EQUAL(done, all);
    int wrong = 0;
    for (int i = 0; i < all; i++)
        wrong += jobs[i].runs != 1;
    EXPECT_EQUAL(wrong, 0);
    free(jobs);
}

static void they_run_side_by_side(void)
{
    ThreadPool *pool = thread_pool_create(4);
    Task tasks[4];

    done = 0;
    for (int i = 0; i < 4; i++) {
        tasks[i] = (Task){.run = hold};
        thread_pool_submit(pool, &tasks[i]);
    }
    for (int i = 0; i < 4; i++)
        sem_wait(&entered); /* none of them has ended */
    EXPECT_EQUAL(done_so_far(), 0);
    for (int i = 0; i < 4; i++)
        sem_post(&go_on);
    thread_pool_destroy(pool);
    EXPECT_EQUAL(done, 4);
}

static void *let_go_later(void *context)
{
    (void)context;
    usleep(20000);
    sem_post(&go_on);
    return NULL;
}

static void destroy_waits_for_the_task_in_hand(void)
{
    ThreadPool *pool = thread_pool_create(1);
    Task held = {.run = hold};
    Job waiting[10] = {0};
    pthread_t other;

    done = 0;
    thread_pool_submit(pool, &held);
    sem_wait(&entered);
    for (int i = 0; i < 10; i++) {
        waiting[i].task = (Task){.run = count, .context = &waiting[i]};
        thread_pool_submit(pool, &waiting[i].task);
    }
    pthread_create(&other, NULL, let_go_later, NULL);
    thread_pool_destroy(pool);
    EXPECT_EQUAL(done, 1); /* the one in hand, and none that waited */
    pthread_join(other, NULL);
}

static void a_task_may_submit_another(void)
{
    ThreadPool *pool = thread_pool_create(2);
    Job jobs[100] = {0};

    done = 0;
    for (int i = 0; i < 100; i++) {
        jobs[i].task = (Task){.run = count, .context = &jobs[i]};
        jobs[i].again = i < 99 ? &jobs[i + 1] : NULL;
        jobs[i].pool = pool;
    }
    thread_pool_submit(pool, &jobs[0].task);
    wait_for(100);
    thread_pool_destroy(pool);
    EXPECT_EQUAL(done, 100);
}

static void pools_come_and_go(void)
{
    for (unsigned threads = 0; threads < 30; threads++) {
        ThreadPool *pool = thread_pool_create(threads % 6);
        thread_pool_destroy(pool);
    }
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        tasks_each = 300;
    sem_init(&entered, 0, 0);
    sem_init(&go_on, 0, 0);
    each_task_runs_once();
    they_run_side_by_side();
    destroy_waits_for_the_task_in_hand();
    a_task_may_submit_another();
    pools_come_and_go();
    return unit_result();
}
