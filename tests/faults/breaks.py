"""Plants that only a failure shows; `caught_by` is the run that must show it, `says` how."""
from __future__ import annotations

from plants.plant import plant

_ECHO = "echo_server.c"
_ACCEPT_SAID = '        log_error("accept");\n'
_REFUSED = '        log_error("refused %s", inet_address_format(peer, text));\n'


def _plant(stage, name, words, file, old, new, run, says):
    return plant(stage, name, words, file, old, new, run, says=says)


PLANTS = (
    _plant(3, "dies-of-one-client", "ends at ECONNABORTED", _ECHO, _ACCEPT_SAID,
           "        exit(3);\n", "accept4:ECONNABORTED:1", "the server has gone"),
    _plant(3, "spins", "tries accept again and again at EMFILE", _ECHO, "usleep(10000);", "",
           "accept4:EMFILE:1+", "it spins"),
    _plant(3, "accept-unsaid", "says nothing of ENOBUFS", _ECHO, _ACCEPT_SAID, "        ;\n",
           "accept4:ENOBUFS:1", "no line on stderr"),
    _plant(3, "eintr-is-the-end", "takes EINTR for the end", _ECHO,
           "    if (size < 0 && errno == EINTR)\n        return true;",
           "    if (size < 0 && errno == EINTR)\n        return false;", "read:EINTR:1",
           "lost its connection"),
    _plant(3, "one-for-all", "ends when a read fails", _ECHO, 'say_failed("read", connection);',
           "stopping = 1;", "read:ENOMEM:1", "the server has gone"),
    _plant(3, "leaves-a-descriptor", "leaves a refused client's descriptor open", _ECHO,
           _REFUSED + "        close(fd);\n", _REFUSED, "epoll_ctl:ENOMEM:1",
           "waits in vain"),
    _plant(4, "leaves-memory", "leaves a refused client's memory", _ECHO,
           _REFUSED + "        free(connection);\n", _REFUSED, "epoll_ctl:ENOSPC:1",
           "blocks of memory are lost"),
    _plant(4, "malloc-unchecked", "does not check malloc", _ECHO, "if (connection == NULL || watch",
           "if (watch", "FAULT_MALLOC=1,1", "the server has gone"),
    _plant(3, "start-fails-with-0", "ends with 0 when it can't start", _ECHO,
           "    return result < 0;", "    return result > 0;", "epoll_create1:EMFILE:1",
           "not with status 1"),
    _plant(3, "start-fails-silently", "can't start, and does not say why", "epoll.c",
           'log_error("epoll_create1");', ";", "epoll_create1:ENFILE:1", "no line on stderr"),
    _plant(3, "repeats-bytes", "repeats a byte after a short write", _ECHO, "next += written;",
           "next += written - (written > 4);", "FAULT_SHORT=7", "wrong bytes"),
    _plant(7, "loses-the-rest", "loses the rest of a short write", "connection_output.c",
           "        keep_output(connection, (const char *)data + sent, size - sent);", "        ;",
           "FAULT_SHORT=7", "wrong bytes"),
    _plant(7, "dies-of-eintr", "ends when epoll_wait is interrupted", "epoll.c",
           "errno == EINTR)\n        return 0;", "errno == EINTR)\n        return -1;",
           "epoll_wait:EINTR:1", "the server has gone"),
)
