"""The real stages with one line changed for the worse, and the checks that must catch it.

For what takes threads, processes or timers to get wrong: the wrong server has none of them. A
mutation replaces a text that stands once in a stage's sources; when it no longer stands there,
the proof says so, and the mutation wants its text brought up to date.
"""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """What is replaced by what, in which stage."""

    name: str
    words: str
    old: str
    new: str
    caught_by: tuple
    stage: int = 10
    program: str = "echo_server"
    also: tuple = ()    # further pairs of an old text and a new one
    claims: int = 0     # the stage that it passes for, if not its own


def _mutation(name, words, old, new, *caught_by, **more):
    return Mutation(name, words, old, new, caught_by, **more)


THREADS = (
    _mutation("one-loop-for-all", "gives every connection to the first loop",
              "server->next++ % server->reactor_count", "0 * server->next",
              "cores.connections_in_turn", "cores.at_the_same_time", "counts.loops_and_workers"),
    _mutation("one-thread-more", "starts one I/O thread more",
              "thread_pool_create(server->options->io_threads)",
              "thread_pool_create(server->options->io_threads + 1)",
              "cores.as_many_as_asked", "cores.all_on_the_main_thread"),
    _mutation("any-number", "takes any number of threads", "THREADS = 1024", "THREADS = 1 << 30",
              "cores.ends_of_the_range"),
    _mutation("one-worker", "has one worker whatever -w says", "thread_pool_create(workers)",
              "thread_pool_create(1)", "workers.so_many_at_a_time"),
    _mutation("no-workers", "lets the loop handle messages in spite of -w",
              "if (group->workers != NULL)\n        connection_give", "if (0)\n        connection_give",
              "workers.loop_goes_on_meanwhile"),
    _mutation("one-after-the-other", "handles a client's messages before anybody else's",
              "if (group->workers != NULL)\n        connection_give", "if (0)\n        connection_give",
              "workers.pipeline_delays_nobody_else", also=(("connection->group->options->delay > 0 ? 1 : TURN", "TURN"),)),
    _mutation("workers-side-by-side", "gives a second message of a connection to a worker",
              "!connection->paused &&\n           connection->work == NULL;",
              "!connection->paused;",
              "workers.fast_ones_in_order", "workers.thousands_come_and_go"),
    _mutation("loses-short-replies", "drops a worker's shorter replies",
              "if (buffer_is_empty(reply) ||", "if (buffer_size(reply) <= 20 ||",
              "workers.replies_in_order", "workers.too_long_after_good_ones"),
    _mutation("reads-on", "reads on however much waits for a worker",
              "(!connection->paused && !connection->pending && !connection->drained)",
              "true", "workers.bounded_memory",
              also=(("room < SCRATCH ? room : SCRATCH", "room ? SCRATCH : SCRATCH"),)),
    _mutation("raw-is-endless", "reads the next message while a worker has one as large",
              "{find_raw, CODEC_RAW_LONGEST}", "{find_raw, SIZE_MAX / 2}",
              "workers.one_read_and_the_mark"),
    _mutation("end-does-not-wait", "closes while a worker has a message",
              "if (connection->pending || connection->work != NULL)", "if (connection->pending)",
              "workers.replies_after_the_end"),
    _mutation("closes-twice", "closes the descriptor while a worker has a message, and again",
              "channel_watch(&connection->channel, 0);", "close(connection->channel.fd);",
              "workers.reply_never_reaches_a_stranger", "workers.they_leave_while_workers_work"),
    _mutation("watches-the-gone", "goes on watching a client that has gone while a worker works",
              "channel_watch(&connection->channel, 0);", ";",
              "workers.reset_while_a_worker_works"),
    _mutation("one-thread-runs", "runs one of its loops",
              "thread_pool_create(server->options->io_threads)",
              "thread_pool_create(server->options->io_threads > 0)",
              "cores.requests_on_all_threads", program="http_server"),
    _mutation("lines-in-pieces", "writes a line in two calls",
              'fprintf(stderr, "%s: %s%s%s\\n", program_invocation_short_name, message,',
              'fprintf(stderr, "%s: ", program_invocation_short_name);\n'
              '    fprintf(stderr, "%s%s%s\\n", message,', "cores.lines_are_whole"),
    _mutation("stops-when-done", "waits at a stop for the whole queue of work",
              "if (!pool->stop)\n        task", "task",
              "workers.stop_with_work_in_the_queue", "units.thread_pool", stage=8),
    _mutation("locked-out", "handles messages under the lock of the workers' queue",
              "    pthread_mutex_unlock(&pool->lock);\n    return task;",
              "    if (!task) pthread_mutex_unlock(&pool->lock);\n"
              "    else { pthread_mutex_unlock(&pool->lock); static pthread_mutex_t one = "
              "PTHREAD_MUTEX_INITIALIZER; pthread_mutex_lock(&one); task->run(task->context); "
              "pthread_mutex_unlock(&one); return next_task(pool); }\n    return task;",
              "units.thread_pool"),
)

# Once for each stage that has it: the text is the same.
STOPS = tuple(
    _mutation(f"queues-behind-clients-v{stage:02}", "does not look for signals between messages",
              "if (loop->slow)\n            look_around(loop);",
              "if (loop->slow && 0)\n            look_around(loop);", *caught_by, stage=stage,
              program=program)
    for stage, program, *caught_by in (
        (7, "echo_server", "busy.stop_overtakes_clients"),
        (8, "echo_server", "busy.stop_overtakes_clients"),
        (8, "prefork_server", "busy.stop_overtakes_clients"),
        (9, "echo_server", "busy.three_seconds_at_most", "busy.second_signal_overtakes_clients"),
        (9, "prefork_server", "busy.second_signal_overtakes_clients"),
        (10, "echo_server", "busy.three_seconds_at_most", "busy.second_signal_overtakes_clients"),
        (10, "prefork_server", "busy.second_signal_overtakes_clients"))
) + (
    _mutation("one-signal-at-a-time", "reads one signal between messages: always the ticks' own",
              "while (read(loop->signals.fd", "if (read(loop->signals.fd",
              "busy.second_signal_overtakes_clients", stage=9),
) + tuple(
    _mutation(f"minds-the-mask-v{stage:02}", "leaves signals blocked that were blocked at the start",
              "sigprocmask(SIG_UNBLOCK, &action.sa_mask, NULL);", "", "stop.whatever_was_inherited",
              stage=stage)
    for stage in (1, 3, 4)
) + tuple(
    _mutation(f"waits-for-its-reader-v{stage:02}", "waits until somebody reads its messages",
              "return poll(&standard_error, 1, 0) == 0;", "return poll(&standard_error, 1, 0) == 7;",
              *caught_by, stage=stage)
    for stage, *caught_by in (
        (3, "stderr.nobody_reads_it"),
        (6, "stderr.nobody_reads_it", "stderr.nobody_reads_refusals"),
        (10, "stderr.nobody_reads_it", "stderr.nobody_reads_refusals",
         "stderr.nobody_reads_a_report"))
)

LOOP = (
    _mutation("looks-around", "wakes up every 200 ms", "loop->due ? 0 : -1", "loop->due ? 0 : 200",
              "asleep.no_thread_wakes_up", "idle.thousands_cost_nothing"),
    _mutation("early-tasks-wait", "does not wake itself for what was queued before",
              "if (first)\n        wake(loop);", "if (first && 0)\n        wake(loop);",
              "units.event_loop"),
    _mutation("wakes-each-time", "writes a wake-up for each task",
              "if (first)\n        wake(loop);", "wake(loop);", "units.event_loop"),
    _mutation("late-tasks-lost", "drops what is queued while it quits",
              "while (run_tasks(loop))\n        ;", "", "units.event_loop"),
)

DRAIN = (
    _mutation("no-drain", "stops at the first signal", "if (server->draining) {",
              "if (server != NULL) {", "drain.what_waits_is_answered",
              "drain.what_waits_for_workers_is_answered", "drain.many_pipelines",
              "drain.newcomers_in_the_queue", "drain.late_reader_gets_all",
              "drain.half_closed_and_gone", "drain.second_signal_ends_it_at_once",
              "counts.while_it_drains"),
    _mutation("no-drain", "stops at the first signal", "if (server->draining) {",
              "if (server != NULL) {", "chargen.stop_while_somebody_does_not_read",
              program="chargen_server"),
    _mutation("drains-early", "drains at v06", "3000000000", "3000000001",
              "drain.stop_loses_what_waits", claims=6),
    _mutation("drains-early-too", "drains at v08, and sleeps when idle", "3000000000", "3000000001",
              "drain.stop_loses_what_was_read", "asleep.wakes_up_while_idle", claims=8),
    _mutation("no-haste", "ignores a second signal",
              "if (server->draining) {\n        event_loop_quit(server->loop);", "if (server->draining) {",
              "drain.second_signal_ends_it_at_once"),
    _mutation("no-haste", "ignores a second signal",
              "if (server->draining) {\n        event_loop_quit(server->loop);", "if (server->draining) {",
              "chargen.stop_while_somebody_does_not_read", program="chargen_server"),
    _mutation("waits-five-seconds", "waits five seconds for a client", "3000000000", "5000000000",
              "drain.three_seconds_at_most"),
    _mutation("waits-one-second", "waits one second for a client", "3000000000", "1000000000",
              "drain.three_seconds_at_most"),
    _mutation("waits-five-seconds", "waits five seconds for a client", "3000000000", "5000000000",
              "stop.drain_comes_to_an_end", program="prefork_server"),
    _mutation("queue-forgotten", "does not empty the listening socket's queue",
              "i < SOMAXCONN && tries > 0 && error != EAGAIN", "i < 0",
              "drain.newcomers_in_the_queue"),
    _mutation("port-stays-open", "leaves the listening socket open while it drains",
              "    close(acceptor->channel.fd);\n    acceptor->channel.fd = -1;\n", "",
              "drain.newcomers_are_refused"),
    _mutation("resets-in-the-end", "resets a connection that it is done with",
              "connection->state = LINGERING;",
              "connection->state = ENDED;\n        setsockopt(connection->channel.fd, SOL_SOCKET, "
              "SO_LINGER,\n                   &(struct linger){1, 0}, sizeof(struct linger));",
              "drain.no_reset_though_it_goes_on_sending", "drain.idle_clients_do_not_delay",
              also=(("shutdown(connection->channel.fd, SHUT_WR) < 0", "false"),)),
    _mutation("waits-for-farewell", "waits for idle clients to close",
              "(connection->drained && is_quiet(connection))", "false",
              "drain.idle_clients_do_not_delay", "drain.half_a_message_is_dropped"),
)

# The same in both stages.
DRAIN += tuple(
    _mutation(f"{name}-v{stage:02}", words, old, new, check, stage=stage)
    for stage in (9, 10) for name, words, old, new, check in (
        ("looks-once", "looks once whether a client has what it is owed",
         "deadline)\n        event_loop_quit(server->loop);\n    drain_reactors(server);",
         "deadline)\n        event_loop_quit(server->loop);", "drain.who_stays_is_not_waited_for"),
        ("unread-is-lost", "does not read what had come when it was told to stop",
         "connection->drained = unread == 0;", "connection->drained = true;",
         "busy.what_has_come_is_answered"),
        ("reads-once", "reads once of what had come when it was told to stop",
         "connection->rest -= (unsigned)size;",
         "connection->rest = 0;\n        connection->drained = true;",
         "busy.what_has_come_is_answered"))
)

IDLE = (
    _mutation("never-evicts", "never closes an idle connection", "return limit == 0 ? 0 :",
              "return limit != 1 ? 0 :", "idle.in_time", "idle.who_is_stuck_is_closed",
              "idle.handled_by_the_loop", "counts.balance"),
    _mutation("never-evicts", "never closes an idle connection", "return limit == 0 ? 0 :",
              "return limit != 1 ? 0 :", "idle.http_keep_alive", program="http_server"),
    _mutation("in-a-hurry", "closes 50 ms too soon", "CLOCK_TICK = 20", "CLOCK_TICK = -50",
              "idle.in_time", "idle.from_the_last_byte_on"),
    _mutation("takes-its-time", "closes 0.9 s too late", "CLOCK_TICK = 20", "CLOCK_TICK = 900",
              "idle.in_time", "idle.thousands_cost_nothing"),
    _mutation("zero-is-at-once", "takes -i 0 for a millisecond", "return limit == 0 ? 0 :",
              "return", "idle.never_with_zero"),
    _mutation("deaf-and-idle", "closes whoever has been there for so long",
              "idle < limit && set_timer", "0 && set_timer", "idle.who_sends_is_kept",
              "idle.who_reads_is_kept", "idle.from_the_last_byte_on"),
    _mutation("messages-wait-for-ever", "waits for ever for a client whose replies keep messages back",
              "return is_writable(connection);", "return is_writable(connection) || true;",
              "idle.who_is_stuck_is_closed"),
    _mutation("work-is-idle", "closes a connection whose message is handled",
              "if (connection->work != NULL)\n        return true;", ";", "idle.who_waits_for_the_handler_is_kept"),
    _mutation("wall-clock", "keeps its times by the wall clock",
              "clock_gettime(CLOCK_MONOTONIC, &now)", "clock_gettime(CLOCK_REALTIME, &now)",
              "idle.wall_clock_stepped",
              also=(("timerfd_create(CLOCK_MONOTONIC", "timerfd_create(CLOCK_REALTIME"),)),
    _mutation("whole-seconds", "takes whole seconds only", "if (text[length] == '.')",
              "if (text[length] == ',')", "idle.seconds_of_every_form"),
)

COUNTS = (
    _mutation("counts-no-output", "forgets bytes that the output buffer held",
              "statistics.bytes_out += ", "statistics.pauses += 0 * ",
              "counts.balance", "counts.pauses_of_a_slow_reader"),
    _mutation("counts-no-pauses", "does not count pauses", "statistics.pauses += ",
              "statistics.pauses += 0 * ", "counts.pauses_of_a_slow_reader"),
    _mutation("sum-of-one", "adds the counts up wrongly",
              "sum->messages_in += more->messages_in", "sum->messages_in = more->messages_in",
              "counts.balance", "counts.loops_and_workers"),
    _mutation("report-waits", "waits until somebody reads its report", "log_text(text, size);",
              "fputs(text, stderr);", "stderr.nobody_reads_a_report"),
    _mutation("report-waits-in-part", "waits until somebody reads the rest of its report",
              "if (size <= PIPE_BUF)", "if (size > 0)", "stderr.nobody_reads_a_report"),
    _mutation("report-in-pieces", "cuts a long report up anywhere",
              "newline == NULL ?", "newline != NULL ?", "stderr.a_long_report_in_whole_lines"),
    _mutation("ends-without-a-word", "drops a report that is not complete when it ends",
              "if (server->reports > 0)\n        print_report(server);", "",
              "counts.report_before_the_end"),
    _mutation("dies-of-sigusr1", "does not catch SIGUSR1",
              "if (event_loop_catch_signal(loop, SIGUSR1, on_report, server) < 0)\n"
              "        return -1;", "", "counts.again_and_again", "counts.while_it_drains"),
)

TIMERS = (
    _mutation("drifts", "counts a period from when it is done",
              "call->due += call->period * (late / call->period + 1);",
              "call->due += late + call->period;", "units.timers"),
    _mutation("makes-up", "calls for each period that was missed",
              "(late / call->period + 1)", "(0 * late + 1)", "units.timers"),
    _mutation("any-id", "cancels whatever has the place of an old timer",
              "bool found = call->number == id.number;", "bool found = true;",
              "units.timers"),
    _mutation("repeats-count", "takes what TCP repeats for talk",
              "info.tcpi_last_data_sent + repeating(&info)", "info.tcpi_last_data_sent",
              "idle.who_vanished_is_closed"),
    _mutation("late-for-ever", "calls one that is set while others are called at once",
              "due > queue->running ? due : queue->running + 1", "due > 0 ? due : 1",
              "units.timers"),
    _mutation("far-is-near", "adds to the time until it is in the past",
              "delay < INT64_MAX - now ? now + delay : INT64_MAX",
              "(int64_t)((uint64_t)now + (uint64_t)delay)", "units.timers"),
    _mutation("sets-the-clock", "sets the timerfd for each timer",
              "if (queue->set_for != 0 && queue->set_for <= due)", "if (due < 0)",
              "units.timers"),
    _mutation("heap-of-sorts", "forgets to compare the second child",
              "if (next < queue->count &&", "if (0 && next < queue->count &&", "units.timers"),
)

PREFORK = tuple(
    _mutation(*words, program="prefork_server") for words in (
        ("not-replaced", "replaces no child", "place->pid == 0 && place->due <= now() &&",
         "place->pid == 0 && place->due == 0 &&", "prefork.a_killed_child_is_replaced"),
        ("in-a-rush", "replaces children at once", "place->due = now() + second;",
         "place->due = now();", "prefork.replaced_not_in_a_rush"),
        ("stopped-by-its-words", "lets a terminal stop a child that says something",
         "signal(SIGTTOU, SIG_IGN);", "signal(SIGTTOU, SIG_DFL);",
         "prefork.at_a_terminal_that_stops_who_writes"),
        ("orphans", "leaves its children behind when it is killed",
         "prctl(PR_SET_PDEATHSIG, SIGTERM);", "", "prefork.no_child_outlives_the_parent"),
        ("silent-loss", "does not say that a child was killed", "if (WIFSIGNALED(status))",
         "if (WIFSIGNALED(status) && 0)", "prefork.a_killed_child_is_replaced"),
        ("one-too-few", "starts one child less", "places = calloc(options.processes,",
         "places = calloc(options.processes -= options.processes > 1,",
         "prefork.as_many_as_asked", "prefork.stop_ends_all"),
        ("content-with-less", "replaces only a child that was killed",
         "say_ended(place->pid, status);",
         "say_ended(place->pid, status);\n        if (status == 0)\n            "
         "place->due = never;", "prefork.a_child_that_ends_by_itself_is_replaced"),
        ("tells-nothing", "does not pass SIGUSR1 on", "signal_all(SIGUSR1);", ";",
         "counts.every_program_counts"),
        ("no-word-of-b", "does not know -b", '"apvfmbdni"', '"apvfmdni"', "usage.help_on_stdout"),
        ("no-number", "takes any number of processes",
         "number(letter, text, 1, THREADS); break;\n    case 'i'",
         "(unsigned)atoi(text) + 1; break;\n    case 'i'", "prefork.range_of_n"),
        ("signal-twice", "leaves its children in the terminal's process group",
         "setpgid(0, 0);", "", "prefork.ctrl_c_counts_once"),
        ("waits-its-turn", "stops only when every place is full",
         "stopping = true;", "stopping = true; sleep(places[0].due > now() ? 2 : 0);",
         "prefork.stop_while_a_place_is_empty"),
        ("lets-them-lie", "leaves a child stopped that it tells to end", "signal_all(SIGCONT);", "",
         "prefork.stop_reaches_a_stopped_child"),
        ("looks-around", "wakes up every 200 ms", "loop->due ? 0 : -1", "loop->due ? 0 : 200",
         "prefork.no_process_wakes_up"),
        ("sleeps-for-nothing", "sleeps for a moment even with -d 0", "options->delay == 0",
         "options->delay == 1", "cost.system_calls_for_a_message_to_a_child"),
    ))

HTTP = (
    _mutation("sleeps-for-nothing", "sleeps for a moment even with -d 0", "options->delay == 0",
              "options->delay == 1", "cost.system_calls_for_a_request", program="http_server"),
    _mutation("a-port-will-do", "takes a port for a host", "*target == ':' || ", "",
              "http_limits.bad_requests", program="http_server"),
    _mutation("no-word-of-w", "does not know -w", '"apvcbdtwi"', '"apvcbdti"',
              "usage.help_on_stdout", program="http_server"),
)

CHARGEN = tuple(
    _mutation(*words, program="chargen_server") for words in (
        ("short-lines", "sends lines of 71 characters", "WIDTH = 72", "WIDTH = 71",
         "chargen.pattern", "chargen.many_readers", "chargen.stop_while_somebody_reads"),
        ("leaves-at-the-end", "stops at the client's half-close", ".talks_on = true",
         ".talks_on = false", "chargen.after_half_close"),
        ("answers-input", "sends lines for input too", "    (void)size;\n",
         "    (void)size;\n    connection_send(connection, lines, 100);\n",
         "chargen.input_is_thrown_away"),
        ("a-megabyte-ahead", "sends a megabyte at a time",
         "connection_send(connection, lines, sizeof(lines));",
         "for (int i = 0; i < 150; i++)\n        connection_send(connection, lines, "
         "sizeof(lines));", "chargen.one_buffer_for_who_does_not_read"),
        ("forgets-who-leaves", "does not notice that a client has gone",
         "    connection_end(connection, FAILED);\n", "", "chargen.who_leaves_is_forgotten"),
        ("no-word-of-i", "does not know -i", '"apvcti"', '"apvct"', "usage.help_on_stdout"),
        ("dies-of-a-pipe", "does not ignore SIGPIPE",
         'options = options_parse(argc, argv, "apvcti");',
         'signal(SIGPIPE, SIG_DFL);\n    options = options_parse(argc, argv, "apvcti");',
         "stop.survives_sigpipe"),
        ("patient", "keeps who does not read for ever", "return is_writable(connection);",
         "return true;", "chargen.who_does_not_read_is_closed"),
        ("waits-to-be-asked", "takes a client that only reads for idle",
         "return sent < info.tcpi_last_data_recv", "return sent < 0 * info.tcpi_last_data_recv",
         "chargen.who_reads_is_kept"),
        ("deaf", "does not catch SIGINT", "if (event_loop_catch_signal(loop, SIGINT, on_stop, "
         "server) < 0)\n        return -1;", "", "chargen.stop_while_idle"),
    ))

MUTATIONS = THREADS + STOPS + LOOP + DRAIN + IDLE + COUNTS + TIMERS + PREFORK + HTTP + CHARGEN
