"""Plants: the standard descriptors, failing accept, processes and threads of v01."""
from __future__ import annotations

from plants.plant import in_stages, plant

_BLOCKS = ("log.c", "access | O_NONBLOCK |", "access |")

STANDARD = (
    plant(3, "waits-for-its-reader", "waits until somebody reads its messages", *_BLOCKS,
          "stderr.nobody_reads_it", "standard.error_takes_nothing"),
    plant(6, "waits-for-its-reader", "waits until somebody reads its messages", *_BLOCKS,
          "stderr.nobody_reads_it", "stderr.nobody_reads_refusals"),
    plant(10, "waits-for-its-reader", "waits until somebody reads its messages", *_BLOCKS,
          "stderr.nobody_reads_refusals", "stderr.nobody_reads_a_report",
          "stderr.nobody_reads_it http_server"),
    plant(3, "waits-for-a-socket", "waits when standard error is a socket that is full", "log.c",
          "MSG_DONTWAIT", "0", "standard.error_takes_nothing"),
    plant(3, "third-is-a-clients", "leaves closed standard descriptors to the clients", "log.c",
          "if (fcntl(fd, F_GETFD) < 0)", "if (0)", "standard.closed"),
    plant(3, "ready-in-vain", "tries for ever to write the ready line", "socket.c",
          "if (written < 0 && errno != EAGAIN)", "if (0)", "standard.output_takes_nothing"),
    plant(3, "ready-line-dropped", "drops the ready line when there is no room", "socket.c",
          "            poll(NULL, 0, 10);\n            continue;", "            return 0;",
          "standard.output_read_late"),
    plant(3, "ready-line-first", "hears no signal while the ready line waits", "socket.c",
          "while (size > 0 && !must_stop(listener))", "while (size > 0)",
          "standard.stop_before_it_is_ready"),
    plant(5, "ready-line-first", "hears no signal while the ready line waits", "socket.c",
          "return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||", "return ",
          "standard.stop_before_it_is_ready"),
    plant(3, "reads-its-input", "waits for its standard input", "echo_server.c",
          "    if (epoll_open(&epoll) < 0)", "    char c;\n    if (read(STDIN_FILENO, &c, 1) > 1 ||"
          "\n        epoll_open(&epoll) < 0)", "standard.input_of_every_kind"),
    plant(3, "half-a-line", "drops the rest of a line that was cut", "log.c",
          "        write_rest();\n    if (rest_size == 0) {", "        rest_size = 0;\n"
          "    if (rest_size == 0) {", "standard.terminal_read_again"),
    plant(3, "dies-of-a-full-file", "is killed when a file may not grow", "log.c",
          "signal(SIGXFSZ, SIG_IGN);", "", "standard.file_that_may_not_grow"),
    plant(3, "sets-what-is-shared", "sets O_NONBLOCK on the shell's terminal", "log.c",
          "int output = open(path, access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);",
          "int output = -1;\n    fcntl(fd, F_SETFL, access | O_NONBLOCK);",
          "standard.descriptors_are_left_as_they_were"),
)

ACCEPT = (
    plant(1, "accept-unsaid", "does not say that accept failed", "echo_server.c",
          'warn("accept");', "", "accept_fails.said"),
    *in_stages((2, 4), "no-rest", "tries accept again and again", "echo_server.c",
               "usleep(10000);", "", "accept_fails.rests"),
    plant(2, "no-rest-of-poll", "tries accept again and again", "poll_server.c",
          "usleep(10000);", "", "accept_fails.rests", program="poll_server"),
    plant(3, "rests-when-it-was-said", "rests only when its message could be written",
          "echo_server.c", "        usleep(10000);", "        if (errno == EMFILE)\n"
          "            usleep(10000);", "accept_fails.rests",
          also=(("log.c", "    errno = saved_errno;", "    (void)saved_errno;"),)),
    plant(5, "no-rest", "tries accept again and again", "echo_server.c", "usleep(10000);", "",
          "accept_fails.rests", "descriptors.newcomer_waits"),
    plant(5, "never-listens-again", "does not listen again after a failure", "echo_server.c",
          "usleep(10000);", "channel_watch(&listener_channel, 0);", "descriptors.newcomer_waits"),
)

_FORK, _THREAD = "fork_server.c", "thread_server.c"
_IGNORED = "signal(SIGCHLD, SIG_IGN);"
_WAIT = (_FORK, "#include <unistd.h>", "#include <unistd.h>\n#include <sys/wait.h>")


def _fork(name, words, old, new, *caught_by, **more):
    return plant(1, name, words, _FORK, old, new, *caught_by, program="fork_server", **more)


def _thread(name, words, old, new, *caught_by, **more):
    return plant(1, name, words, _THREAD, old, new, *caught_by, program="thread_server", **more)


FORKING = (
    _fork("zombies", "waits for no child", _IGNORED, "signal(SIGCHLD, SIG_DFL);",
          "forking.one_for_each_client", "forking.no_zombies"),
    _fork("one-at-each-signal", "waits for one child at each SIGCHLD", _IGNORED,
          "signal(SIGCHLD, reap);", "forking.no_zombies",
          also=(_WAIT, (_FORK, "static void accept_client(void)", "static void reap(int signo)\n{\n"
                        "    (void)signo;\n    waitpid(-1, NULL, WNOHANG);\n}\n\n"
                        "static void accept_client(void)"))),
    _fork("minds-a-killed-child", "ends when a child was killed", _IGNORED,
          "signal(SIGCHLD, reap);", "forking.child_that_dies",
          also=(_WAIT, (_FORK, "static void accept_client(void)", "static void reap(int signo)\n{\n"
                        "    int status;\n\n    (void)signo;\n"
                        "    while (waitpid(-1, &status, WNOHANG) > 0)\n"
                        "        if (WIFSIGNALED(status))\n            stopping = 1;\n}\n\n"
                        "static void accept_client(void)"))),
    _fork("leaves-its-children", "lets its children live on", "prctl(PR_SET_PDEATHSIG, SIGTERM);",
          "", "forking.stop_ends_all"),
    _fork("just-born", "a child that was just born misses its parent's end",
          "    prctl(PR_SET_PDEATHSIG, SIGTERM);\n    if (getppid() != parent)",
          "    usleep(5000);\n    prctl(PR_SET_PDEATHSIG, SIGTERM);\n    if (parent == 0)",
          "forking.stop_while_they_come"),
    _fork("ends-the-whole-group", "sends SIGTERM to its whole process group",
          "    close(listener);\n    return 0;", "    kill(0, SIGTERM);\n    close(listener);\n"
          "    return 0;", "forking.stop_spares_who_started_it"),
    _fork("exits-without-processes", "ends when fork fails", 'warn("fork");', "exit(1);",
          "forking.out_of_processes"),
    _thread("threads-unjoined", "joins no thread", "if (join)", "if (0)",
            "forking.threads_leave_no_memory"),
    _thread("exits-without-threads", "ends when it can't start a thread",
            'warn("refused a client");', "exit(1);", "forking.out_of_processes"),
    _thread("no-rest", "tries accept again and again", "usleep(10000);", "",
            "forking.out_of_descriptors", "accept_fails.rests"),
    _thread("serves-in-main", "serves the clients itself", "pthread_create(&thread, NULL, serve, "
            "connection);", "(serve(connection), 0);", "forking.one_for_each_client"),
)

CLOSES = (
    plant(8, "closes-the-listener-twice", "a child closes the listening socket again",
          "prefork_server.c", "    else\n        close(listener);", "    close(listener);",
          "closes.each_descriptor_once", program="prefork_server"),
    plant(9, "closes-the-listener-twice", "closes the listening socket again when it has drained",
          "acceptor.c", "    acceptor->channel.fd = -1;\n", "", "closes.each_descriptor_once"),
    plant(6, "closes-who-resets-twice", "closes a client that has reset twice", "connection.c",
          "    connection->ended = true;\n    if (connection->group",
          "    connection->ended = true;\n    close(connection->channel.fd);\n"
          "    if (connection->group", "closes.each_descriptor_once"),
)

PLANTS = STANDARD + ACCEPT + FORKING + CLOSES
