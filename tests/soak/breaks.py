"""Mistakes made on purpose in copies of the last stage: the soak test must find each."""
from __future__ import annotations

from wrong.mutations import Mutation


def _break(name, words, old, new):
    return Mutation(name, words, old, new, ())


BREAKS = (
    _break("a-byte-lost", "counts one byte less at a short write",
           "buffer_consume(output, write_now(connection, buffer_front(output),\n"
           "                                     buffer_size(output)));",
           "size_t done = write_now(connection, buffer_front(output), buffer_size(output));\n"
           "    buffer_consume(output, done + (done > 1 && done < buffer_size(output)));"),
    _break("uncounted-output", "does not count bytes that waited for room",
           "statistics.bytes_out += (size_t)written",
           "statistics.bytes_out += connection->paused ? 0 : (size_t)written"),
    _break("wrong-reason", "takes a reset for the client's end",
           "connection_end(connection, FAILED);", "connection_end(connection, BY_PEER);"),
    _break("uncounted-refusal", "does not count those over -c",
           "server->refused.closed[LIMIT]++;", ""),
    _break("keeps-the-refused", "leaks the descriptor of those it turns away",
           "if (fd >= 0)\n        close(fd);\n    acceptor->spare", "acceptor->spare"),
    _break("drops-when-it-drains", "closes at once when it is to stop",
           "ioctl(connection->channel.fd, FIONREAD, &unread);\n        connection->rest",
           "connection->rest"),
    _break("evicts-who-reads", "takes only input for a sign of life",
           "return info.tcpi_last_data_recv < info.tcpi_last_data_sent",
           "return info.tcpi_last_data_recv < 1u << 30"),
    _break("hasty", "evicts after half the time",
           "unsigned limit = connection->group->options->idle + CLOCK_TICK;\n    bool",
           "unsigned limit = connection->group->options->idle / 2;\n    bool"),
    _break("forgets-the-rest", "does not go on with messages whose turn is over",
           "connection->pending = length > 0 && used < size;",
           "connection->pending = false;"),
)
