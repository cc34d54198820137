"""Plants: threads, workers, signals beside slow messages, the event loop's tasks."""
from __future__ import annotations

from plants.plant import in_stages, passes_for, plant

_SERVER, _STATE, _SETTLE = "tcp_server.c", "connection_state.h", "connection_settle.c"
_IO_THREADS = "thread_pool_create(options->io_threads)"
_NO_WORKERS = (_SERVER, "if (server->workers != NULL)\n        connection_use", "if (0)\n        "
               "connection_use")

CORES = (
    plant(8, "one-loop-for-all", "gives every connection to the first loop", _SERVER,
          "server->next++ % server->reactor_count", "0 * server->next",
          "cores.connections_in_turn", "cores.at_the_same_time"),
    plant(10, "one-loop-for-all", "gives every connection to the first loop", _SERVER,
          "server->next++ % server->reactor_count", "0 * server->next",
          "counts.loops_and_workers"),
    plant(8, "one-thread-more", "starts one I/O thread more", _SERVER, _IO_THREADS,
          _IO_THREADS.replace("threads)", "threads + 1)"), "cores.as_many_as_asked",
          "cores.all_on_the_main_thread"),
    plant(8, "one-thread-runs", "runs one of its loops", _SERVER, _IO_THREADS,
          _IO_THREADS.replace("threads)", "threads > 0)"),
          "cores.requests_on_all_threads http_server"),
    plant(8, "any-number", "takes any number of threads", "options.c", "THREADS = 1024",
          "THREADS = 1 << 30", "cores.ends_of_the_range"),
    plant(8, "lines-in-pieces", "writes a line in two calls, and lets others in between", "log.c",
          "        if (write_rest() == 0)",
          "        log_write(STDERR_FILENO, line, 12);\n        pthread_mutex_unlock(&lock);\n"
          "        usleep(50);\n        pthread_mutex_lock(&lock);\n        rest = line + 12;\n"
          "        rest_size = strcspn(rest, \"\\n\") + 1;\n        if (write_rest() == 0)",
          "cores.lines_are_whole"),
    plant(8, "large-stack", "needs a megabyte of its thread's stack", "connection_input.c",
          "char *scratch = connection->group->scratch;", "char scratch[1024 * 1024];",
          "cores.small_stacks"),
)

WORKERS = (
    plant(8, "one-worker", "has one worker whatever -w says", _SERVER,
          "thread_pool_create(options->workers)", "thread_pool_create(1)",
          "workers.so_many_at_a_time"),
    plant(8, "no-workers", "lets the loop handle messages in spite of -w", *_NO_WORKERS,
          "workers.loop_goes_on_meanwhile"),
    plant(8, "one-after-the-other", "handles a client's messages before anybody else's",
          *_NO_WORKERS, "workers.pipeline_delays_nobody_else",
          also=(("connection_input.c", "handler.slow ? 1 : TURN", "handler.slow ? TURN : TURN"),)),
    *in_stages((8, 10), "workers-side-by-side", "gives a second message of a client to a worker",
               _STATE, "connection->work == NULL;", "true;", "workers.fast_ones_in_order",
               "workers.thousands_come_and_go"),
    plant(9, "loses-short-replies", "drops a worker's shorter replies", "connection.c",
          "    connection_output_send(connection, post->data, post->size);",
          "    if (post->size > 20)\n"
          "        connection_output_send(connection, post->data, post->size);",
          "workers.replies_in_order", "workers.too_long_after_good_ones"),
    plant(8, "reads-on", "reads on however much waits for a worker", _SETTLE,
          "(!connection->paused && !connection->pending);", "true;", "workers.bounded_memory",
          also=(("connection_input.c", "    if (held >= most)\n        return 0;",
                 "    if (held > 0 || most > 0)\n        return CODEC_RAW_LONGEST;"),)),
    plant(8, "holds-two-reads", "reads the next message while a worker has one as large",
          "connection_input.c", "        held += connection->work->size;", "        held += 0;",
          "workers.one_read_and_the_mark"),
    plant(8, "end-does-not-wait", "closes while a worker has a message", _SETTLE,
          "if (connection->pending || connection->work != NULL)", "if (connection->pending)",
          "workers.replies_after_the_end"),
    plant(8, "closes-early", "closes a client's socket while a worker has its message", _SETTLE,
          "        channel_watch(&connection->channel, 0);",
          "        close(connection->channel.fd);",
          "workers.reply_never_reaches_a_stranger", "workers.they_leave_while_workers_work",
          also=((_SETTLE, '#include "connection_settle.h"',
                 '#include "connection_settle.h"\n#include <unistd.h>'),
                ("connection_output.c", "    if (connection->state != OPEN)\n        return;\n",
                 ""))),
    plant(8, "watches-the-gone", "goes on watching a client that has gone while a worker works",
          _SETTLE, "        channel_watch(&connection->channel, 0);", "        ;",
          "workers.reset_while_a_worker_works"),
    plant(8, "stops-when-done", "waits at a stop for the whole queue of work", "thread_pool.c",
          "    if (!pool->stop)\n        task", "    task",
          "workers.stop_with_work_in_the_queue", "units.thread_pool"),
    plant(8, "locked-out", "runs one task at a time", "thread_pool.c",
          "        task->run(task->context);",
          "    {\n        static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;\n"
          "        pthread_mutex_lock(&one);\n        task->run(task->context);\n"
          "        pthread_mutex_unlock(&one);\n    }", "units.thread_pool"),
)

_LOOK = ("event_loop.c", "        if (loop->slow)\n            look_around(loop);",
         "        if (0)\n            look_around(loop);")

BUSY = (
    plant(7, "queues-behind-clients", "does not look for signals between messages", *_LOOK,
          "busy.stop_overtakes_clients"),
    plant(8, "queues-behind-clients", "does not look for signals between messages", *_LOOK,
          "busy.stop_overtakes_clients", "busy.stop_overtakes_clients prefork_server"),
    *in_stages((9, 10), "queues-behind-clients", "does not look for signals between messages",
               *_LOOK, "busy.three_seconds_at_most", "busy.second_signal_overtakes_clients",
               "busy.second_signal_overtakes_clients prefork_server"),
    plant(9, "one-signal-at-a-time", "reads one signal between messages: always the ticks' own",
          "event_loop.c", "while (read(loop->signals.fd", "if (read(loop->signals.fd",
          "busy.second_signal_overtakes_clients"),
)

_WAKE = "    if (first)\n        wake(loop);"

LOOP = (
    passes_for(9, 8, "asleep.wakes_up_while_idle", "drain.stop_loses_what_was_read"),
    plant(9, "looks-around", "wakes up every 200 ms", "event_loop.c", "loop->tasks_due ? 0 : -1",
          "loop->tasks_due ? 0 : 200", "asleep.no_thread_wakes_up",
          "prefork.no_process_wakes_up prefork_server"),
    plant(10, "looks-around", "wakes up every 200 ms", "event_loop.c", "loop->tasks_due ? 0 : -1",
          "loop->tasks_due ? 0 : 200", "idle.thousands_cost_nothing"),
    plant(9, "early-tasks-wait", "does not wake a loop for what is queued", "event_loop.c", _WAKE,
          "    if (0)\n        wake(loop);", "units.event_loop"),
    *in_stages((9, 10), "wakes-each-time", "writes a wake-up for each task", "event_loop.c", _WAKE,
               "    wake(loop);", "units.event_loop"),
    plant(9, "late-tasks-lost", "drops what tasks queue at the end", "event_loop.c",
          "    while (run_batch(loop))\n        ;", "    run_batch(loop);", "units.event_loop"),
    plant(9, "tasks-before-the-end", "ends only when no task is queued", "event_loop.c",
          "loop->ending = loop->quit;", "loop->ending = loop->quit && tasks.first == NULL;",
          "chargen.second_signal_overtakes_fast_readers chargen_server"),
    plant(9, "quit-is-lost", "forgets a quit that came before the run", "event_loop.c",
          "    here = loop;\n    while (!loop->ending",
          "    here = loop;\n    loop->quit = false;\n    while (!loop->ending",
          "units.event_loop"),
)

PLANTS = CORES + WORKERS + BUSY + LOOP
