#include "event_loop.h"
#include "unit.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { GIVERS = 4 };

static int tasks_each = 10000;
static int wakeups;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* In place of the C library's: counts how often a loop is woken. */
int eventfd_write(int fd, eventfd_t value)
{
    pthread_mutex_lock(&lock);
    wakeups++;
    pthread_mutex_unlock(&lock);
    return write(fd, &value, sizeof(value)) == sizeof(value) ? 0 : -1;
}

/* A task that notes when it was run. */
typedef struct Note {
    Task task;
    EventLoop *loop;
    int giver;
    int number;
    int runs;
    bool here;
    struct Note *next; /* queued, from inside this one */
    bool next_ran_inside;
} Note;

static int ran, wanted, last[GIVERS], out_of_order;

static void note(void *context)
{
    Note *mine = context;

    mine->runs++;
    mine->here = event_loop_is_here(mine->loop);
    if (mine->number <= last[mine->giver])
        out_of_order++;
    last[mine->giver] = mine->number;
    if (mine->next != NULL) {
        event_loop_queue_in_loop(mine->loop, &mine->next->task);
        mine->next_ran_inside = mine->next->runs > 0;
    }
    if (++ran == wanted)
        event_loop_quit(mine->loop);
}

static Note note_for(EventLoop *loop)
{
    return (Note){.task = {.run = note}, .loop = loop, .number = 1};
}

static void begin(int so_many)
{
    ran = out_of_order = wakeups = 0;
    wanted = so_many;
    for (int i = 0; i < GIVERS; i++)
        last[i] = -1;
}

static void *run(void *loop)
{
    event_loop_run(loop);
    return NULL;
}

static void queued_before_it_runs(void)
{
    EventLoop *loop = event_loop_create();
    Note one = note_for(loop);

    begin(1);
    one.task.context = &one;
    event_loop_queue_in_loop(loop, &one.task);
    EXPECT_EQUAL(one.runs, 0);
    EXPECT(!event_loop_is_here(loop));
    EXPECT_EQUAL(event_loop_run(loop), 0);
    EXPECT_EQUAL(one.runs, 1);
    EXPECT(one.here);
    event_loop_destroy(loop);
}

/* Nobody wakes it but the quit; what was queued is not lost. */
static void quit_before_it_runs(void)
{
    EventLoop *loop = event_loop_create();
    Note one = note_for(loop);

    begin(99);
    one.task.context = &one;
    event_loop_quit(loop);
    event_loop_queue_in_loop(loop, &one.task);
    EXPECT_EQUAL(event_loop_run(loop), 0);
    event_loop_run_tasks(loop);
    EXPECT_EQUAL(one.runs, 1);
    event_loop_destroy(loop);
}

static void queued_from_inside(void)
{
    EventLoop *loop = event_loop_create();
    Note notes[3];

    begin(3);
    for (int i = 0; i < 3; i++) {
        notes[i] = note_for(loop);
        notes[i].task.context = &notes[i];
        notes[i].number = i;
        notes[i].next = i < 2 ? &notes[i + 1] : NULL;
    }
    event_loop_queue_in_loop(loop, &notes[0].task);
    event_loop_run(loop);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQUAL(notes[i].runs, 1);
        EXPECT(!notes[i].next_ran_inside);
    }
    EXPECT(wakeups <= 2); /* the first task, from outside; perhaps the quit */
    event_loop_destroy(loop);
}

/*
 * The first task quits the loop; it and each after it queue one more. A loop
 * that never ends, as long as tasks queue others, could not be stopped.
 */
static void queued_while_it_quits(void)
{
    EventLoop *loop = event_loop_create();
    Note notes[6];

    begin(1);
    for (int i = 0; i < 6; i++) {
        notes[i] = note_for(loop);
        notes[i].task.context = &notes[i];
        notes[i].next = i < 5 ? &notes[i + 1] : NULL;
    }
    event_loop_queue_in_loop(loop, &notes[0].task);
    event_loop_run(loop);
    event_loop_run_tasks(loop);
    for (int i = 0; i < 6; i++)
        EXPECT_EQUAL(notes[i].runs, 1);
    event_loop_destroy(loop);
}

static Task again;
static int again_runs;

static void queue_again(void *context)
{
    again_runs++;
    event_loop_queue_in_loop(context, &again);
    event_loop_quit(context);
}

static void stop_it(void *context)
{
    (void)context;
}

/* A task that queues itself for ever does not keep the loop from ending. */
static void ends_though_tasks_go_on(void)
{
    EventLoop *loop = event_loop_create();

    again = (Task){.run = queue_again, .context = loop};
    event_loop_queue_in_loop(loop, &again);
    EXPECT_EQUAL(event_loop_run(loop), 0);
    EXPECT(again_runs >= 1 && again_runs <= 3);
    again.run = stop_it;
    event_loop_run_tasks(loop);
    event_loop_destroy(loop);
}

typedef struct Nested {
    Task task;
    Note *inner;
    int runs_inside;
} Nested;

static void run_inner(void *context)
{
    Nested *nested = context;

    event_loop_run_in_loop(nested->inner->loop, &nested->inner->task);
    nested->runs_inside = nested->inner->runs;
}

static void run_in_loop_by_its_own_thread(void)
{
    EventLoop *loop = event_loop_create();
    Note inner = note_for(loop);
    Nested nested = {.task = {.run = run_inner}, .inner = &inner};

    begin(1);
    inner.task.context = &inner;
    nested.task.context = &nested;
    event_loop_run_in_loop(loop, &nested.task);
    EXPECT_EQUAL(inner.runs, 0); /* nobody runs the loop yet */
    event_loop_run(loop);
    EXPECT_EQUAL(nested.runs_inside, 1);
    EXPECT_EQUAL(inner.runs, 1);
    event_loop_destroy(loop);
}

static void *give(void *context)
{
    Note *notes = context;

    for (int i = 0; i < tasks_each; i++) {
        if (i % 3)
            event_loop_queue_in_loop(notes[i].loop, &notes[i].task);
        else
            event_loop_run_in_loop(notes[i].loop, &notes[i].task);
    }
    return NULL;
}

/* From four threads: each once, and in the order of each thread. */
static void from_four_threads(void)
{
    EventLoop *loop = event_loop_create();
    size_t all = (size_t)(GIVERS * tasks_each);
    Note *notes = calloc(all, sizeof(*notes));
    pthread_t givers[GIVERS];
    int wrong = 0;

    begin((int)all);
    for (size_t i = 0; i < all; i++) {
        notes[i] = note_for(loop);
        notes[i].task.context = &notes[i];
        notes[i].giver = (int)i / tasks_each;
        notes[i].number = (int)i % tasks_each;
    }
    for (int i = 0; i < GIVERS; i++)
        pthread_create(&givers[i], NULL, give, notes + i * tasks_each);
    event_loop_run(loop);
    for (int i = 0; i < GIVERS; i++)
        pthread_join(givers[i], NULL);
    for (size_t i = 0; i < all; i++)
        wrong += notes[i].runs != 1 || !notes[i].here;
    EXPECT_EQUAL(wrong, 0);
    EXPECT_EQUAL(out_of_order, 0);
    free(notes);
    event_loop_destroy(loop);
}

/* Tasks that wait already have woken the loop: once is enough for all. */
static void woken_only_when_needed(void)
{
    EventLoop *loop = event_loop_create();
    Note notes[500];

    begin(500);
    for (int i = 0; i < 500; i++) {
        notes[i] = note_for(loop);
        notes[i].task.context = &notes[i];
        notes[i].number = i;
        event_loop_queue_in_loop(loop, &notes[i].task);
    }
    EXPECT(wakeups <= 1);
    event_loop_run(loop);
    EXPECT_EQUAL(ran, 500);
    EXPECT(wakeups <= 2);
    event_loop_destroy(loop);
}

static void quit_by_another_thread(void)
{
    for (int turn = 0; turn < tasks_each / 50; turn++) {
        EventLoop *loop = event_loop_create();
        pthread_t thread;
        pthread_create(&thread, NULL, run, loop);
        if (turn % 3)
            usleep((unsigned)(turn % 3) * 100);
        event_loop_quit(loop);
        pthread_join(thread, NULL);
        event_loop_destroy(loop);
    }
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        tasks_each = 500;
    queued_before_it_runs();
    quit_before_it_runs();
    queued_from_inside();
    queued_while_it_quits();
    ends_though_tasks_go_on();
    run_in_loop_by_its_own_thread();
    from_four_threads();
    woken_only_when_needed();
    quit_by_another_thread();
    return unit_result();
}
