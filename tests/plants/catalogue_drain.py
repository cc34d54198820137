"""Plants: draining, and what a stop loses before there is any."""
from __future__ import annotations

from plants.plant import in_stages, passes_for, plant

_SERVER, _SETTLE, _FILE = "tcp_server.c", "connection_settle.c", "connection.c"
_SECOND = "    if (!begin_to_drain(server)) {\n        event_loop_quit(server->loop);\n"

DRAIN = (
    plant(9, "no-drain", "stops at the first signal", _SERVER, "if (!begin_to_drain(server)) {",
          "if (begin_to_drain(server) || server) {", "drain.what_waits_is_answered",
          "drain.what_waits_for_workers_is_answered", "drain.many_pipelines",
          "drain.newcomers_in_the_queue", "drain.late_reader_gets_all",
          "drain.half_closed_and_gone", "drain.second_signal_ends_it_at_once",
          "chargen.stop_while_somebody_does_not_read chargen_server"),
    plant(10, "no-drain", "stops at the first signal", _SERVER, "if (!begin_to_drain(server)) {",
          "if (begin_to_drain(server) || server) {", "counts.while_it_drains"),
    passes_for(9, 4, "drain.stop_loses_what_waits"),
    plant(9, "no-haste", "ignores a second signal", _SERVER, _SECOND,
          "    if (!begin_to_drain(server)) {\n", "drain.second_signal_ends_it_at_once",
          "chargen.stop_while_somebody_does_not_read chargen_server"),
    plant(9, "waits-five-seconds", "waits five seconds for a client", _SERVER, "3000000000",
          "5000000000", "drain.three_seconds_at_most", "stop.drain_comes_to_an_end prefork_server"),
    plant(9, "waits-one-second", "waits one second for a client", _SERVER, "3000000000",
          "1000000000", "drain.three_seconds_at_most"),
    plant(9, "queue-forgotten", "does not empty the listening socket's queue", "acceptor.c",
          "i < SOMAXCONN && error != EAGAIN", "i < 0", "drain.newcomers_in_the_queue"),
    plant(9, "port-stays-open", "leaves the listening socket open while it drains", "acceptor.c",
          "    close(acceptor->channel.fd);\n    acceptor->channel.fd = -1;\n", "",
          "drain.newcomers_are_refused"),
    plant(9, "resets-in-the-end", "resets a connection that it is done with", _SETTLE,
          "    connection->state = may_leave(connection) ? ENDED : LINGERING;\n",
          "    connection->state = ENDED;\n"
          "    setsockopt(connection->channel.fd, SOL_SOCKET, SO_LINGER,\n"
          "               &(struct linger){1, 0}, sizeof(struct linger));\n    return;\n",
          "drain.no_reset_though_it_goes_on_sending", "drain.idle_clients_do_not_delay"),
    plant(9, "leaves-without-a-word", "closes without an end of file when it may leave", _SETTLE,
          "    if (!connection->read_ended &&\n        shutdown(",
          "    if (!may_leave(connection) &&\n        shutdown(",
          "closes.end_of_file_before_the_close"),
    plant(9, "waits-for-farewell", "waits for idle clients to close", _SETTLE,
          "(connection->stops_reading && is_quiet(connection))", "false",
          "drain.idle_clients_do_not_delay", "drain.half_a_message_is_dropped"),
    plant(9, "drain-drops-messages", "drops messages that wait when it is to stop", _SETTLE,
          "if (connection->pending || connection->work != NULL)", "if (connection->work != NULL)",
          "drain.what_waits_is_answered"),
    *in_stages((9, 10), "looks-once", "looks once whether a client has what it is owed", _SERVER,
               "deadline)\n        event_loop_quit(server->loop);\n    drain_reactors(server);",
               "deadline)\n        event_loop_quit(server->loop);",
               "drain.who_stays_is_not_waited_for"),
    *in_stages((9, 10), "unread-is-lost", "does not read what had come when it was to stop", _FILE,
               "connection->stops_reading = unread == 0;", "connection->stops_reading = true;",
               "busy.what_has_come_is_answered"),
    *in_stages((9, 10), "reads-once", "reads once of what had come when it was to stop",
               "connection_input.c", "if (size < connection->unread_at_drain) {", "if (0) {",
               "busy.what_has_come_is_answered"),
)

PLANTS = DRAIN
