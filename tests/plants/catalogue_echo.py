"""Plants: echo, half-close, many clients, rude clients, limits."""
from __future__ import annotations

from plants.plant import passes_for, plant

_ECHO = "echo_server.c"
_OUT, _IN, _SETTLE = "connection_output.c", "connection_input.c", "connection_settle.c"
_POLL = ("connection.c", "#include <stdlib.h>", "#include <poll.h>\n#include <stdlib.h>")
_WRITE_ALL = "return size > 0 && write_all(fd, buffer, (size_t)size);"

ECHO = (
    plant(7, "drops-the-rest-of-a-write", "drops what a short write left", _OUT,
          "        keep_output(connection, (const char *)data + sent, size - sent);", "        ;",
          "echo.reader_that_starts_late", "slow_reader.pauses_and_resumes_often",
          "slow_reader.gets_every_byte_at_last", "http.client_that_does_not_read http_server"),
    plant(7, "repeats-after-a-short-write", "sends a byte twice after a short write", _OUT,
          "sent = send_now(connection, data, size);", "sent = send_now(connection, data, size);\n"
          "    if (sent > 0 && sent < size)\n        sent--;", "echo.reader_that_starts_late",
          "slow_reader.pauses_and_resumes_often"),
    plant(7, "overtakes-what-waits", "writes new bytes before those that wait", _OUT,
          "if (!connection->corked && buffer_is_empty(&connection->output))",
          "if (!connection->corked)", "slow_reader.gets_every_byte_at_last",
          also=(("connection.c", "        connection_output_flush(connection);\n",
                 "        if (!(ready & EPOLLIN))\n"
                 "            connection_output_flush(connection);\n"),)),
    plant(2, "stops-at-nul", "takes a 0 for the end", _ECHO, "write_all(fd, buffer, (size_t)size);",
          "write_all(fd, buffer, strnlen(buffer, (size_t)size));", "echo.every_byte_value"),
    plant(2, "loses-single-bytes", "loses a read of a single byte", _ECHO, _WRITE_ALL,
          "if (size == 1)\n        return true;\n    " + _WRITE_ALL, "echo.one_byte_at_a_time"),
    plant(7, "loses-a-byte-now-and-then", "loses the last byte of every fourth read", _IN,
          "take_input(connection, scratch, (size_t)size);",
          "take_input(connection, scratch, (size_t)size - (++reads % 4 == 0));",
          "echo.cut_at_random", "echo.eight_megabytes", "message.random_sizes_random_cuts",
          "message.several_megabytes",
          also=((_IN, "    char *scratch = connection->group->scratch;",
                 "    char *scratch = connection->group->scratch;\n    static unsigned reads;"),)),
    plant(6, "drops-urgent-bytes", "does not set SO_OOBINLINE", "socket.c",
          "if (switch_on(fd, SOL_SOCKET, SO_OOBINLINE) < 0)", "if (0)", "echo.urgent_byte"),
    plant(7, "minds-urgent-data", "closes on urgent data", _SETTLE,
          "(reading && !connection->read_ended ? EPOLLIN : 0u)",
          "(reading && !connection->read_ended ? EPOLLIN | EPOLLPRI : 0u)", "echo.urgent_byte",
          also=(("connection.c", "    if (ready & EPOLLOUT) {", "    if (ready & EPOLLPRI)\n"
                 "        connection_end(connection);\n    if (ready & EPOLLOUT) {"),)),
    plant(6, "keeps-empty-connections", "keeps a connection that ended without a word",
          "connection.c", "    else if (size == 0)\n        connection->ended = true;",
          "    else if (size == 0)\n        connection->ended = connection->data != NULL;",
          "echo.empty_connections",
          also=(("connection.c", "    if (size > 0)\n        handler->on_message",
                 "    if (size > 0)\n        connection->data = bytes;\n    if (size > 0)\n"
                 "        handler->on_message"),)),
    plant(6, "leaks-descriptors", "shuts connections down and does not close them",
          "connection.c", "    close(connection->channel.fd);", "    channel_watch(&connection->"
          "channel, 0);\n    shutdown(connection->channel.fd, SHUT_RDWR);",
          "echo.one_after_the_other", "rude.nothing_left_at_the_end", "rude.reset_at_once"),
    plant(7, "closes-with-output-left", "closes at the client's end with output left", _SETTLE,
          "if (connection->state == FINISHING && buffer_is_empty(&connection->output))",
          "if (connection->state == FINISHING)", "half_close.with_megabytes_outstanding"),
    plant(2, "closes-on-end", "closes at once when the client ends its side", _ECHO,
          ".events = EPOLLIN", ".events = EPOLLIN | EPOLLRDHUP", "half_close.small",
          also=((_ECHO, "            else\n                serve(events[i].data.fd);",
                 "            else if (events[i].events & EPOLLRDHUP)\n"
                 "                close_connection(events[i].data.fd);\n"
                 "            else\n                serve(events[i].data.fd);"),)),
    plant(2, "closes-with-a-reset", "resets instead of closing", _ECHO,
          "    is_client[fd] = false;\n", "    is_client[fd] = false;\n"
          "    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},\n"
          "               sizeof(struct linger));\n",
          "half_close.end_of_file_is_not_a_reset"),
    plant(7, "listens-after-the-end", "looks for input after the end of it", _SETTLE,
          "(reading && !connection->read_ended ? EPOLLIN", "(reading ? EPOLLIN",
          "half_close.does_not_spin_meanwhile"),
)

MANY = (
    passes_for(2, 1, "many.second_client_waits"),
    plant(2, "blocks-on-a-newcomer", "waits for a newcomer's first byte", _ECHO,
          "    is_client[fd] = true;", "    is_client[fd] = true;\n    char first;\n"
          "    recv(fd, &first, 1, MSG_PEEK);", "many.silent_clients_delay_nobody"),
    plant(7, "blocks-on-a-newcomer", "waits for a newcomer's first byte", "connection.c",
          "    link_to_group(connection);",
          "    poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);\n"
          "    link_to_group(connection);",
          "http.many_at_once http_server",
          also=(_POLL,)),
    plant(2, "waits-for-whole-lines", "waits for the rest of a line", _ECHO, _WRITE_ALL,
          "while (size > 0 && buffer[size - 1] != '\\n' &&\n"
          "           size < (ssize_t)sizeof(buffer)) {\n"
          "        ssize_t more = read(fd, buffer + size, sizeof(buffer) - (size_t)size);\n"
          "        if (more <= 0)\n            break;\n        size += more;\n    }\n    "
          + _WRITE_ALL, "many.half_a_message_delays_nobody"),
    plant(2, "serves-250", "serves no more than 250 clients", _ECHO, "if (reserve_entry(fd) < 0 ||",
          "if (fd > 255 || reserve_entry(fd) < 0 ||", "many.a_thousand_at_once"),
    plant(6, "serves-250", "serves no more than 250 clients", "tcp_server.c", "limit == 0 ||",
          "(limit == 0 && server->open < 250) ||", "connection_limit.none_by_default"),
    plant(2, "greets-with-old-bytes", "sends old bytes to a client on a used descriptor", _ECHO,
          "    is_client[fd] = true;", "    is_client[fd] = true;\n    if (last[fd % 4096] != 0)\n"
          "        write_all(fd, &last[fd % 4096], 1);", "many.some_leave_some_stay",
          also=((_ECHO, _WRITE_ALL, "last[fd % 4096] = buffer[0];\n    " + _WRITE_ALL),
                (_ECHO, "static size_t table_length;",
                 "static size_t table_length;\nstatic char last[4096];"))),
    plant(2, "mixes-clients", "now and then answers the other client", _ECHO, _WRITE_ALL,
          "static int last, turn;\n"
          "    bool swap = last != fd && is_client[last] && ++turn % 5 == 0;\n"
          "    int to = swap ? last : fd;\n\n"
          "    last = fd;\n    return size > 0 && write_all(to, buffer, (size_t)size);",
          "many.two_big_streams"),
    plant(2, "exits-on-a-reset", "ends when a client resets", _ECHO,
          "        return errno == EINTR;", "        exit(3);", "rude.reset_after_sending",
          "rude.leave_with_replies_unread", "rude.others_go_on"),
    plant(7, "exits-on-a-reset", "ends when a client resets", _IN,
          'connection_fail(connection, "recv");', "__builtin_trap();",
          "http.rude_clients http_server"),
    plant(2, "forgets-reset-clients", "stops to watch a client after an error, and keeps it",
          _ECHO, "        return errno == EINTR;",
          "        return epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL) == 0;",
          "rude.vanish_while_server_writes", "rude.reset_after_half_close",
          also=((_ECHO, "        if (written < 0)\n            return false;",
                 "        if (written < 0)\n            "
                 "return epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL) == 0;"),)),
    plant(2, "minds-early-resets", "ends when a client has gone before it is accepted", _ECHO,
          "    int fd = accept(listener, NULL, NULL);\n",
          "    int fd = accept(listener, NULL, NULL);\n    struct sockaddr_in peer;\n"
          "    socklen_t size = sizeof(peer);\n\n"
          "    if (fd >= 0 && getpeername(fd, (struct sockaddr *)&peer, &size) < 0)\n"
          "        exit(3);\n", "rude.resets_and_newcomers_at_once"),
    plant(7, "one-at-a-time", "goes on with one client for as long as that sends", "connection.c",
          "        connection_input_read(connection);",
          "        do\n            connection_input_read(connection);\n"
          "        while (connection->state == OPEN && !connection->read_ended &&\n"
          "               poll(&(struct pollfd){.fd = connection->channel.fd, "
          ".events = POLLIN}, 1, 5) > 0);", "flood.polite_client_is_served",
          also=(_POLL,)),
    plant(6, "leaks-memory", "frees no connection", "connection.c",
          "    free(connection);\n    group->on_closed", "    group->on_closed",
          "rude.memory_after_many_clients"),
)

_SPARE = "acceptor.c"

LIMITS = (
    plant(6, "one-too-many", "-c N serves N + 1", "tcp_server.c", "server->open < limit",
          "server->open <= limit", "connection_limit.one_more_is_closed_at_once"),
    plant(7, "one-too-many", "-c N serves N + 1", "tcp_server.c", "server->open < limit",
          "server->open <= limit", "chat.at_most_so_many chat_server"),
    plant(6, "one-too-few", "-c N serves N - 1", "tcp_server.c", "server->open < limit",
          "server->open + 1 < limit", "connection_limit.one_more_is_closed_at_once"),
    plant(6, "full-and-silent", "does not say that -c is reached", "tcp_server.c",
          '    log_line("refused %s: %u connections are open",',
          '    (void)("refused %s: %u connections are open",',
          "connection_limit.one_more_is_closed_at_once"),
    plant(6, "lets-the-excess-wait", "neither serves nor closes the one too many", "tcp_server.c",
          "    close(fd);\n}\n\nstatic void on_client", "}\n\nstatic void on_client",
          "connection_limit.one_more_is_closed_at_once",
          also=(("tcp_server.c", "shutdown(fd, SHUT_WR);", ";"),)),
    plant(6, "count-never-falls", "does not count those that leave", "tcp_server.c",
          "server->open--;", "(void)server;", "connection_limit.room_after_one_has_left"),
    plant(6, "exits-when-full", "ends when descriptors run out", _SPARE,
          "        refuse_with_spare(acceptor);", "        __builtin_trap();",
          "descriptors.newcomers_are_closed_at_once", "descriptors.room_after_some_have_left"),
    plant(6, "spins-when-full", "tries accept again and again", _SPARE,
          "poll(NULL, 0, ACCEPT_REST);", "", "descriptors.newcomers_are_closed_at_once",
          also=((_SPARE, "if ((error == EMFILE || error == ENFILE) &&", "if (0 &&"),)),
    plant(6, "spare-never-again", "closes the spare descriptor's number again and again", _SPARE,
          "    acceptor->spare = open_spare();\n    if (fd < 0) {", "    if (fd < 0) {",
          "descriptors.storm_of_newcomers"),
    plant(6, "closes-an-old-client", "makes room by closing an old client", _SPARE,
          "    close(acceptor->spare);\n    int fd", "    close(acceptor->spare + 1);\n    int fd",
          "descriptors.storm_of_newcomers"),
    passes_for(6, 5, "descriptors.newcomer_waits", "echo.urgent_byte_is_lost"),
    plant(2, "forgets-fd-setsize", "takes descriptors beyond FD_SETSIZE", "select_server.c",
          "if (fd >= FD_SETSIZE)", "if (fd < 0)", "fd_setsize.clients_beyond_are_refused",
          program="select_server"),
)

PLANTS = ECHO + MANY + LIMITS
