/*
 * The echo server in several processes that share a port. The parent opens
 * the listening socket, forks, and from then on only looks after its
 * children: one that dies is replaced. Each child is a whole server with a
 * loop of its own, and they share no memory: one that crashes takes its own
 * connections with it and nobody else's.
 *
 * A child makes its loop, and so its epoll, after fork. fork would copy only
 * the descriptor of an earlier one; what it stands for, the list of what to
 * watch, would be one for all. A connection that one process adds would wake
 * the others, with a pointer that means something else in their memory. And
 * what a process closes would stay on the list for as long as another holds
 * a copy of it. See epoll(7), questions and answers.
 */
#include "socket.h"
#include "tcp_server.h"

#include <err.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int64_t second = 1000000000; /* in nanoseconds, like all times */
static const int64_t never = INT64_MAX;

/* One of the -n children, whichever process that is just now. */
typedef struct Place {
    pid_t pid; /* 0: there is none */
    int64_t tried; /* when one was last forked, or could not be */
} Place;

typedef struct Parent {
    const Options *options;
    const ConnectionHandler *handler;
    int listener;
    sigset_t awaited; /* blocked, so that they wait until they are waited for */
    Place *places;
    unsigned living; /* places that have a process */
    bool stopping;
} Parent;

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * second + time.tv_nsec;
}

/*
 * SIGINT and SIGTERM stay blocked: one that comes before the loop catches
 * them waits for that. A process group of its own keeps a terminal's Ctrl-C
 * from the child, which would else get it twice, once from the parent.
 */
static void settle_child(void)
{
    sigset_t child;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* when the parent dies, however */
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_UNBLOCK, &child, NULL);
}

static _Noreturn void run_child(Parent *parent, pid_t parent_pid)
{
    int result = 0;

    free(parent->places);
    settle_child();
    /* A parent that died before prctl sends no signal any more. */
    if (getppid() == parent_pid)
        result = tcp_server_serve(parent->listener, false, parent->options,
                                  parent->handler);
    close(parent->listener);
    exit(result < 0);
}

/* Returns 0, or -1; then what failed has been said. */
static int start_child(Parent *parent, Place *place)
{
    pid_t parent_pid = getpid();
    pid_t pid = fork();

    if (pid == 0)
        run_child(parent, parent_pid);
    place->tried = now();
    if (pid < 0) {
        warn("fork");
        return -1;
    }
    place->pid = pid;
    parent->living++;
    return 0;
}

static int start_children(Parent *parent)
{
    for (unsigned i = 0; i < parent->options->processes; i++)
        if (start_child(parent, &parent->places[i]) < 0)
            return -1;
    return 0;
}

/*
 * Fills the empty places, each at most once a second: a child that dies at
 * once, every time, must not keep the machine busy with forking. Returns
 * when the next place may be filled.
 */
static int64_t replace_children(Parent *parent)
{
    int64_t next = never;

    for (unsigned i = 0; i < parent->options->processes; i++) {
        Place *place = &parent->places[i];
        if (place->pid == 0 && now() >= place->tried + second)
            start_child(parent, place);
        if (place->pid == 0 && place->tried + second < next)
            next = place->tried + second;
    }
    return next;
}

/* A process that was not told to end and does so is always worth a line. */
static void say_ended(const Parent *parent, pid_t pid, int status)
{
    if (WIFSIGNALED(status))
        warnx("process %d ended by signal %d", pid, WTERMSIG(status));
    else if (status != 0 || !parent->stopping)
        warnx("process %d ended with status %d", pid, WEXITSTATUS(status));
}

/* What this program was before exec may have left it children: not ours. */
static void clear_place(Parent *parent, pid_t pid, int status)
{
    for (unsigned i = 0; i < parent->options->processes; i++) {
        if (parent->places[i].pid != pid)
            continue;
        say_ended(parent, pid, status);
        parent->places[i].pid = 0;
        parent->living--;
    }
}

/* Several that die at once may send one SIGCHLD: ask until none is left. */
static void reap_children(Parent *parent)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        clear_place(parent, pid, status);
}

/* An empty place is passed over: kill(0) means the caller's own group. */
static void stop_children(Parent *parent)
{
    parent->stopping = true;
    for (unsigned i = 0; i < parent->options->processes; i++)
        if (parent->places[i].pid != 0)
            kill(parent->places[i].pid, SIGTERM);
}

/* Returns the signal, or -1 when time or something else ended the wait. */
static int await_signal(const Parent *parent, int64_t until)
{
    if (until == never)
        return sigwaitinfo(&parent->awaited, NULL);
    int64_t left = until - now();
    if (left < 0)
        left = 0;
    struct timespec timeout = {left / second, left % second};
    return sigtimedwait(&parent->awaited, NULL, &timeout);
}

/* Every SIGINT or SIGTERM is passed on, not the first alone. */
static void watch_children(Parent *parent)
{
    while (!parent->stopping || parent->living > 0) {
        int64_t next = parent->stopping ? never : replace_children(parent);
        int signo = await_signal(parent, next);
        if (signo == SIGINT || signo == SIGTERM)
            stop_children(parent);
        reap_children(parent);
    }
}

/* Returns 0, or -1; then what failed has been said, and no child is left. */
static int run_parent(Parent *parent)
{
    int result = -1;

    parent->places = calloc(parent->options->processes, sizeof(Place));
    if (parent->places == NULL) {
        warn("places");
        return -1;
    }
    if (start_children(parent) == 0)
        result = socket_announce(parent->listener);
    if (result < 0)
        stop_children(parent);
    watch_children(parent);
    free(parent->places);
    return result;
}

/* Before there is anything to lose: a signal that comes later is not lost. */
static void block_signals(Parent *parent)
{
    signal(SIGPIPE, SIG_IGN); /* write(2) fails with EPIPE instead */
    signal(SIGCHLD, SIG_DFL); /* ignored, it would reap children unseen */
    sigemptyset(&parent->awaited);
    sigaddset(&parent->awaited, SIGINT);
    sigaddset(&parent->awaited, SIGTERM);
    sigaddset(&parent->awaited, SIGCHLD);
    sigprocmask(SIG_BLOCK, &parent->awaited, NULL);
}

static void on_message(void *context, Connection *connection, const char *data,
                       size_t size)
{
    const Options *options = context;

    options_delay(options);
    connection_send(connection, data, size);
}

static void on_too_long(void *context, Connection *connection)
{
    char text[INET_ADDRESS_TEXT];

    (void)context;
    warnx("message too long from %s",
          inet_address_format(connection_peer(connection), text));
}

int main(int argc, char **argv)
{
    Options options = options_parse(argc, argv, "apvfmbdn");
    ConnectionHandler handler = {on_message, on_too_long, &options};
    Parent parent = {.options = &options, .handler = &handler};

    options.io_threads = 0; /* processes are what runs side by side here */
    block_signals(&parent);
    parent.listener = socket_listen(&options.address);
    if (parent.listener < 0)
        return 1;
    int result = run_parent(&parent);
    close(parent.listener);
    return result < 0;
}
