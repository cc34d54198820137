/*
 * The echo server in several processes that share a port. The parent listens
 * and forks; from then on it serves nobody, and only replaces children that
 * die. They share no memory: one that crashes harms no other's connections.
 *
 * Each child makes its epoll after fork. Of an earlier one fork would copy
 * the descriptor alone, and the list of what to watch would be one for all:
 * what one process adds would wake the others, with a pointer into memory
 * that is not theirs; what one closes would stay on the list for as long as
 * another has a copy of it. See epoll(7), questions and answers.
 */
#include "log.h"
#include "socket.h"
#include "tcp_server.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* One of the -n processes, whichever it is just now. */
typedef struct Place {
    pid_t pid; /* 0: there is none */
    int64_t due; /* no fork before: a child may die at once, every time */
} Place;

/* How often a call is made that must not fail. */
enum { TRIES = 10 };

static const int64_t second = 1000000000; /* times are in nanoseconds */
static const int64_t never = INT64_MAX;

static Options options;
static int listener;
static sigset_t awaited; /* blocked: they come when they are waited for */
static Place *places;
static bool stopping;

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * second + time.tv_nsec;
}

static void on_message(void *context, Connection *connection, const char *data,
                       size_t size)
{
    (void)context;
    options_delay(&options);
    connection_send(connection, data, size);
}

static void on_too_long(void *context, Connection *connection)
{
    char text[INET_ADDRESS_TEXT];

    (void)context;
    log_line("message too long from %s",
             inet_address_format(connection_peer(connection), text));
}

/* SIGINT and SIGTERM stay blocked until the loop catches them: none is lost. */
static _Noreturn void run_child(pid_t parent)
{
    ConnectionHandler handler = {
        .codec = options.codec,
        .on_message = on_message,
        .on_too_long = on_too_long,
    };
    int result = 0;

    free(places);
    setpgid(0, 0); /* or a terminal's Ctrl-C would count twice: see stop_all */
    signal(SIGTTOU, SIG_IGN); /* or stty tostop would stop who says something */
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigprocmask(SIG_UNBLOCK, &awaited, NULL);
    /* No child outlives its parent; one that is gone already tells nobody. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent)
        result = tcp_server_serve(listener, false, &options, &handler);
    close(listener);
    exit(result < 0);
}

/* Returns whether it could; if not, that has been said. */
static bool start_child(Place *place)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0)
        run_child(parent);
    if (pid < 0)
        log_error("fork");
    else
        place->pid = pid;
    place->due = now() + second;
    return pid > 0;
}

/* Forks what is missing and due. Returns when the next is due, or never. */
static int64_t fill_places(void)
{
    int64_t next = never;

    for (Place *place = places; place < places + options.processes; place++) {
        if (place->pid == 0 && place->due <= now() && !start_child(place))
            return place->due; /* for the others it would fail too */
        if (place->pid == 0 && place->due < next)
            next = place->due;
    }
    return next;
}

/* That a child ends well when it was told to is no news. */
static void say_ended(pid_t pid, int status)
{
    if (WIFSIGNALED(status))
        log_line("process %d ended by signal %d", pid, WTERMSIG(status));
    else if (status != 0 || !stopping)
        log_line("process %d ended with status %d", pid, WEXITSTATUS(status));
}

static bool has_ended(const Place *place, int *status)
{
    pid_t ended;

    do {
        ended = waitpid(place->pid, status, WNOHANG);
    } while (ended < 0 && errno == EINTR);
    if (ended < 0) {
        log_error("waitpid"); /* whatever became of it, it is not ours */
        *status = 0;
    }
    return ended != 0;
}

/* Several may have died for one SIGCHLD. Returns how many are left. */
static unsigned clear_places(void)
{
    unsigned left = 0;
    int status;

    for (Place *place = places; place < places + options.processes; place++) {
        if (place->pid == 0)
            continue;
        if (!has_ended(place, &status)) {
            left++;
            continue;
        }
        say_ended(place->pid, status);
        place->pid = 0;
    }
    return left;
}

/* A child that is not told to stop would be waited for for ever. */
static void signal_child(pid_t pid, int signo)
{
    for (int i = 0; i < TRIES && kill(pid, signo) < 0; i++)
        if (i == 0)
            log_error("kill %d", pid);
}

/* To every child. Not to an empty place: kill(0) is the own group. */
static void signal_all(int signo)
{
    for (Place *place = places; place < places + options.processes; place++)
        if (place->pid != 0)
            signal_child(place->pid, signo);
}

/* The last listening socket to be closed makes the kernel refuse clients. */
static void stop_all(void)
{
    if (!stopping) {
        close(listener);
        signal_all(SIGCONT); /* one that somebody has stopped */
    }
    stopping = true;
    signal_all(SIGTERM);
}

/* Sleeps until a signal comes, and returns it, or until it is time: -1. */
static int await_signal(int64_t until)
{
    int64_t left = until - now();
    struct timespec timeout = {left / second, left % second};

    return left > 0 ? sigtimedwait(&awaited, NULL, &timeout) : -1;
}

/* Returns 0, or -1; then what failed has been said. No child is left. */
static int run_parent(void)
{
    listener = socket_listen(&options.address);
    if (listener < 0)
        return -1;
    int result = fill_places() == never ? socket_announce(listener) : -1;
    if (result < 0)
        stop_all();
    while (clear_places() > 0 || !stopping) {
        int signo = await_signal(stopping ? never : fill_places());
        if (signo == SIGINT || signo == SIGTERM)
            stop_all(); /* each time: to a child a second one may mean haste */
    }
    return result;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* write(2) fails with EPIPE instead */
    options = options_parse(argc, argv, "apvfmbdn");
    options.io_threads = 0; /* processes do what threads would */
    signal(SIGCHLD, SIG_DFL); /* if ignored, children vanish unseen */
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGINT);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGCHLD);
    sigprocmask(SIG_BLOCK, &awaited, NULL);
    places = calloc(options.processes, sizeof(*places));
    if (places == NULL) {
        log_error("places");
        return 1;
    }
    int result = run_parent();
    free(places);
    return result < 0;
}
