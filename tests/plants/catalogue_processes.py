"""Plants: prefork_server and chargen_server."""
from __future__ import annotations

from plants.plant import plant


def _prefork(name, words, old, new, *caught_by, stage=8, file="prefork_server.c", **more):
    return plant(stage, f"prefork-{name}", words, file, old, new, *caught_by,
                 program="prefork_server", **more)


PREFORK = (
    _prefork("not-replaced", "replaces no child", "place->pid == 0 && place->due <= now() &&",
             "place->pid == 0 && place->due == 0 &&", "prefork.a_killed_child_is_replaced"),
    _prefork("in-a-rush", "replaces children at once", "place->due = now() + SECOND;",
             "place->due = now();", "prefork.replaced_not_in_a_rush"),
    _prefork("stopped-by-its-words", "lets a terminal stop a child that says something",
             "    signal(SIGTTOU, SIG_IGN);", "    signal(SIGTTOU, SIG_DFL);",
             "prefork.at_a_terminal_that_stops_who_writes"),
    _prefork("orphans", "leaves its children behind when it is killed",
             "prctl(PR_SET_PDEATHSIG, SIGTERM);", "", "prefork.no_child_outlives_the_parent"),
    _prefork("silent-loss", "does not say that a child was killed", "if (WIFSIGNALED(status))",
             "if (WIFSIGNALED(status) && 0)", "prefork.a_killed_child_is_replaced"),
    _prefork("one-too-few", "starts one child less", "places = calloc(options.processes,",
             "places = calloc(options.processes -= options.processes > 1,",
             "prefork.as_many_as_asked", "prefork.stop_ends_all"),
    _prefork("content-with-less", "replaces only a child that was killed",
             "        place->pid = 0;", "        place->pid = 0;\n        if (status == 0)\n"
             "            place->due = NEVER;", "prefork.a_child_that_ends_by_itself_is_replaced"),
    _prefork("no-number", "takes any number of processes",
             "options->processes = to_number(letter, text, 1, THREADS)",
             "options->processes = (unsigned)atoi(text) + 1", "prefork.range_of_n",
             file="options.c"),
    _prefork("signal-twice", "leaves its children in the terminal's process group",
             "setpgid(0, 0);", "", "prefork.ctrl_c_counts_once", stage=9),
    _prefork("waits-its-turn", "stops only when every place is full", "    stopping = true;",
             "    stopping = true;\n    sleep(places[0].due > now() ? 2 : 0);",
             "prefork.stop_while_a_place_is_empty"),
    _prefork("lets-them-lie", "leaves a child stopped that it tells to end",
             "signal_all(SIGCONT);", ";", "prefork.stop_reaches_a_stopped_child"),
    _prefork("kills-nobody", "does not kill a child that does not end", "signal_all(SIGKILL);",
             ";", "prefork.a_child_that_hangs_is_killed"),
    _prefork("impatient", "kills a child that drains", "int64_t drain = haste ? 0 : 3 * SECOND;",
             "int64_t drain = haste ? 0 : 0 * SECOND;", "prefork.a_child_that_drains_is_not_killed",
             stage=9),
)


def _chargen(name, words, old, new, *caught_by, file="chargen_server.c", **more):
    return plant(9, f"chargen-{name}", words, file, old, new, *caught_by,
                 program="chargen_server", **more)


PREFORK += (
    _prefork("watches-a-closed-listener", "leaves the shared listener in epoll when it drains",
             "    channel_watch(&acceptor->channel, 0);\n", "", "prefork.a_draining_child_sleeps",
             stage=9, file="acceptor.c"),
)

CHARGEN = (
    _chargen("short-lines", "sends lines of 71 characters", "WIDTH = 72", "WIDTH = 71",
             "chargen.pattern", "chargen.many_readers", "chargen.stop_while_somebody_reads"),
    _chargen("leaves-at-the-end", "stops at the client's half-close", ".talks_on = true",
             ".talks_on = false", "chargen.after_half_close"),
    _chargen("answers-input", "sends lines for input too",
             "    (void)connection;\n    (void)data;",
             "    connection_send(connection, lines, 100);\n    (void)data;",
             "chargen.input_is_thrown_away"),
    _chargen("a-megabyte-ahead", "sends a megabyte at a time",
             "    connection_send(connection, lines, sizeof(lines));",
             "    for (int i = 0; i < 150; i++)\n"
             "        connection_send(connection, lines, sizeof(lines));",
             "chargen.one_buffer_for_who_does_not_read"),
    _chargen("forgets-who-leaves", "does not notice that a client has gone",
             "    connection_end(connection);", "", "chargen.who_leaves_is_forgotten",
             file="connection_state.c"),
    _chargen("dies-of-a-pipe", "does not ignore SIGPIPE", "signal(SIGPIPE, SIG_IGN);", "",
             "stop.survives_sigpipe"),
    _chargen("deaf", "does not catch SIGINT",
             "if (event_loop_catch_signal(loop, SIGINT, on_stop, server) < 0)",
             "if (on_stop == 0)", "chargen.stop_while_idle", file="tcp_server.c"),
)

PLANTS = PREFORK + CHARGEN
