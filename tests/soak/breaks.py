"""Plants in the last stage that the soak test must find."""
from __future__ import annotations

from plants.plant import plant


def _plant(name, words, file, old, new, **more):
    return plant(10, name, words, file, old, new, **more)


PLANTS = (
    _plant("a-byte-lost", "counts one byte less at a short write", "connection_output.c",
           "buffer_consume(output, send_now(connection, buffer_front(output),\n"
           "                                    buffer_size(output)));",
           "size_t done = send_now(connection, buffer_front(output), buffer_size(output));\n"
           "    buffer_consume(output, done + (done > 1 && done < buffer_size(output)));"),
    _plant("uncounted-output", "does not count bytes that waited for room", "connection_output.c",
           "statistics.bytes_out += (size_t)sent;",
           "statistics.bytes_out += connection->paused ? 0 : (size_t)sent;"),
    _plant("wrong-reason", "takes a reset for the client's end", "connection_state.c",
           "connection_end(connection, REASON_ERROR);", "connection_end(connection, REASON_PEER);"),
    _plant("uncounted-refusal", "does not count those over -c", "tcp_server.c",
           "server->refused++;", ""),
    _plant("keeps-the-refused", "leaks the descriptor of those it refuses", "acceptor.c",
           "    if (fd >= 0)\n        close(fd);\n    acceptor->spare", "    acceptor->spare"),
    _plant("drops-when-it-drains", "closes at once when it is to stop", "tcp_server.c",
           "if (!begin_to_drain(server)) {", "if (begin_to_drain(server) || server) {"),
    _plant("evicts-who-talks", "takes no byte for a sign of life", "connection_idle.c",
           "is_servers_turn(connection) ? 0 :", "is_servers_turn(connection) ? 100000 : 100000 +"),
    _plant("hasty", "evicts after a twentieth of the time", "connection_idle.c",
           "unsigned limit = connection->group->idle_limit + KERNEL_TICK;\n    unsigned idle",
           "unsigned limit = connection->group->idle_limit / 20;\n    unsigned idle"),
    _plant("forgets-the-rest", "does not go on with messages whose turn is over",
           "connection_input.c", "connection->pending = length > 0 && used < size;",
           "connection->pending = false;"),
    _plant("own-line", "sends a line back to the member that said it", "chat_server.c",
           "tell_others(member, text,", "tell_others(NULL, text,", program="chat_server"),
    _plant("keeps-the-gone", "keeps a pointer to a member that has left", "chat_server.c",
           "    *place = member->next;", "    (void)place;", program="chat_server"),
)
