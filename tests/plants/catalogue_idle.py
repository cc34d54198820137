"""Plants: the idle timeout, timers, and the counts on SIGUSR1."""
from __future__ import annotations

from plants.plant import plant

_IDLE, _QUEUE, _CALLS = "connection_idle.c", "timer_queue.c", "timed_calls.c"


def _plant(name, words, file, old, new, *caught_by, **more):
    return plant(10, name, words, file, old, new, *caught_by, **more)


IDLE = (
    _plant("never-evicts", "never closes an idle connection", _IDLE, "return limit == 0 ? 0 :",
           "return limit != 1 ? 0 :", "idle.in_time", "idle.who_is_stuck_is_closed",
           "idle.handled_by_the_loop", "counts.balance", "idle.http_keep_alive http_server"),
    _plant("in-a-hurry", "closes 70 ms too soon", _IDLE, "KERNEL_TICK = 20", "KERNEL_TICK = -50",
           "idle.in_time", "idle.from_the_last_byte_on"),
    _plant("takes-its-time", "closes 0.9 s too late", _IDLE, "KERNEL_TICK = 20",
           "KERNEL_TICK = 900", "idle.in_time", "idle.thousands_cost_nothing"),
    _plant("zero-is-at-once", "takes -i 0 for 20 milliseconds", _IDLE, "return limit == 0 ? 0 :",
           "return", "idle.never_with_zero"),
    _plant("deaf-and-idle", "closes whoever has been there for so long", _IDLE,
           "return idle < limit &&", "return 0 && idle < limit &&", "idle.who_sends_is_kept",
           "idle.who_reads_is_kept", "idle.from_the_last_byte_on"),
    _plant("stuck-is-busy", "waits for ever for a client that does not read", _IDLE,
           "return is_writable(connection);", "return is_writable(connection) || true;",
           "idle.who_is_stuck_is_closed", "chargen.who_does_not_read_is_closed chargen_server"),
    _plant("evicts-with-a-reset", "closes an idle connection with input unread", "connection.c",
           "connection_count_unread(connection) == 0", "connection_count_unread(connection) >= 0",
           "evict.what_was_sent_still_comes", "evict.lines_still_come chargen_server"),
    _plant("work-is-idle", "closes a connection whose message is handled", _IDLE,
           "    if (connection->work != NULL)\n        return true;\n", "",
           "idle.who_waits_for_the_handler_is_kept"),
    _plant("wall-clock", "keeps its times by the wall clock", _QUEUE,
           "clock_gettime(CLOCK_MONOTONIC, &now)", "clock_gettime(CLOCK_REALTIME, &now)",
           "idle.wall_clock_stepped", also=((_QUEUE, "timerfd_create(CLOCK_MONOTONIC",
                                             "timerfd_create(CLOCK_REALTIME"),)),
    _plant("whole-seconds", "takes whole seconds only", "options.c", "if (text[length] == '.')",
           "if (text[length] == ',')", "idle.seconds_of_every_form"),
    _plant("repeats-count", "takes what TCP repeats for talk", "socket.c",
           "info.tcpi_last_data_sent + time_repeating(&info)", "info.tcpi_last_data_sent",
           "idle.who_vanished_is_closed"),
    _plant("reading-is-idle", "takes a client that only reads for idle", "socket.c",
           "return sent < info.tcpi_last_data_recv", "return sent < 0 * info.tcpi_last_data_recv",
           "idle.who_reads_is_kept", "chargen.who_reads_is_kept chargen_server"),
)

COUNTS = (
    _plant("counts-no-output", "does not count bytes out", "connection_output.c",
           "statistics.bytes_out += (size_t)sent;", "statistics.bytes_out += 0;",
           "counts.balance", "counts.pauses_of_a_slow_reader"),
    _plant("counts-no-pauses", "does not count pauses", "connection_output.c",
           "group->statistics.pauses++;", "", "counts.pauses_of_a_slow_reader"),
    _plant("counts-no-messages", "does not count messages", "connection_input.c",
           "group->statistics.messages_in++;", "", "counts.balance", "counts.loops_and_workers"),
    _plant("counts-no-refusals", "does not count those over -c", "tcp_server.c",
           "server->refused++;", "", "counts.balance"),
    _plant("counts-no-wake-ups", "counts no wake-ups", "event_loop.c", "loop->woken++;", ";",
           "counts.loops_and_workers"),
    _plant("report-in-pieces", "writes a line in pieces", "log.c",
           "log_write(STDERR_FILENO, rest, rest_size)",
           "log_write(STDERR_FILENO, rest, rest_size < 40 ? rest_size : 40)",
           "stderr.a_long_report_in_whole_lines"),
    _plant("silent-when-it-drains", "reports nothing once it is to stop", "tcp_server.c",
           "    statistics.closed[REASON_LIMIT] = refused;",
           "    statistics.closed[REASON_LIMIT] = refused;\n"
           "    if (server->draining)\n        return;",
           "counts.report_before_the_end"),
    _plant("dies-of-sigusr1", "does not catch SIGUSR1", "tcp_server.c",
           "if (event_loop_catch_signal(loop, SIGUSR1, on_report, server) < 0)",
           "if (on_report == 0)",
           "counts.again_and_again", "counts.while_it_drains"),
    _plant("tells-nothing", "does not pass SIGUSR1 on", "prefork_server.c",
           "signal_all(SIGUSR1);", ";", "counts.every_program_counts", program="prefork_server"),
)

TIMERS = (
    _plant("drifts", "counts a period from when it is done", _CALLS,
           "call->due += call->period * (late / call->period + 1);",
           "call->due += late + call->period;", "units.timers"),
    _plant("makes-up", "calls for each period that was missed", _CALLS,
           "(late / call->period + 1)", "(0 * late + 1)", "units.timers"),
    _plant("any-id", "cancels whatever has the place of an old call", _CALLS,
           "bool found = call->number == id.number;", "bool found = true;", "units.timers"),
    _plant("cancelled-and-called", "calls what was cancelled when it was due already", _CALLS,
           "    if (number == 0)\n        return;\n", "", "units.timers",
           also=((_CALLS, "calls->loop), &call->timer);\n    end_call(call);",
                  "calls->loop), &(Timer){0});\n    end_call(call);"),)),
    _plant("late-for-ever", "calls a timer in the batch in which it was set", _QUEUE,
           "due > queue->running ? due : queue->running + 1", "due > 0 ? due : 1",
           "units.timers", "units.timer_queue"),
    _plant("cleared-and-called", "calls a timer that was cleared when it was due already", _QUEUE,
           "    if (place == 0)\n",
           "    if (place == 0 || (queue->running != 0 && timer->due <= queue->running))\n",
           "units.timer_queue",
           also=((_QUEUE, "        timer_queue_clear(queue, timer);\n",
                  "        queue->running = 0;\n        timer_queue_clear(queue, timer);\n"
                  "        queue->running = now;\n"),)),
    _plant("far-is-near", "adds to the time until it is in the past", _CALLS,
           "delay < INT64_MAX - now ? now + delay : INT64_MAX",
           "(int64_t)((uint64_t)now + (uint64_t)delay)", "units.timers"),
    _plant("sets-the-clock", "sets the timerfd for each timer", _QUEUE,
           "if (queue->set_for != 0 && queue->set_for <= due)", "if (due < 0)", "units.timers"),
    _plant("heap-of-sorts", "forgets to compare the second child", _QUEUE,
           "if (next < queue->count &&", "if (0 && next < queue->count &&", "units.timers"),
)

PLANTS = IDLE + COUNTS + TIMERS
