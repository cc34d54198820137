/*
 * The echo server in several processes that share a port. The parent listens
 * and forks; from then on it serves nobody, and only replaces children that
 * end. They share no memory: one that crashes harms no other's connections.
 *
 * Each child makes its epoll after fork. All processes would share an earlier
 * one: a descriptor that one process adds would wake the others too, with a
 * pointer into the memory of the first; and a descriptor that one process
 * closes would stay watched while another has a copy of it. See the questions
 * and answers in epoll(7).
 */
#include "log.h"
#include "socket.h"
#include "tcp_server.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* One of the -n processes, and after its end the one that replaces it. */
typedef struct Place {
    pid_t pid; /* 0: no process runs */
    int64_t due; /* when the next may start: a second after the last */
} Place;

static const int64_t SECOND = 1000000000; /* all times are in nanoseconds */
static const int64_t NEVER = INT64_MAX;

static Options options;
static int listener;
static sigset_t awaited; /* blocked: the parent gets them when it waits */
static Place *places;
static bool stopping;
static int64_t patience_ends; /* when children that still run are killed */

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void on_message(void *context, Connection *connection, const char *data,
                       size_t size)
{
    (void)context;
    options_delay(&options);
    connection_send(connection, data, size);
}

/*
 * Serve clients, then end. The signals in awaited stay blocked until the loop
 * catches them: none is lost.
 */
static _Noreturn void run_child(pid_t parent)
{
    ConnectionHandler handler = {
        .codec = options.codec,
        .slow = options.delay > 0,
        .on_message = on_message,
    };
    int result = 0;

    free(places);
    setpgid(0, 0); /* else Ctrl-C and stop_all would both signal the child */
    signal(SIGTTOU, SIG_IGN); /* a terminal would stop a process that writes */
    /* A parent that ended before prctl sends no signal: look for it as well. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent)
        result = tcp_server_serve(listener, false, &options, &handler);
    else
        close(listener);
    exit(result < 0);
}

/* Return whether a child was started; say so if not. */
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
    place->due = now() + SECOND;
    return pid > 0;
}

/* Start the children that are due. Return when the next is due, or NEVER. */
static int64_t fill_places(void)
{
    int64_t next = NEVER;

    for (Place *place = places; place < places + options.processes; place++) {
        if (place->pid == 0 && place->due <= now() && !start_child(place))
            return place->due; /* for the others it would fail too */
        if (place->pid == 0 && place->due < next)
            next = place->due;
    }
    return next;
}

/* Say how a child ended, unless it ended well after it was told to. */
static void say_ended(pid_t pid, int status)
{
    if (WIFSIGNALED(status))
        log_line("process %d ended by signal %d", pid, WTERMSIG(status));
    else if (status != 0 || !stopping)
        log_line("process %d ended with status %d", pid, WEXITSTATUS(status));
}

/* Clear the places of children that have ended. Return how many are left. */
static unsigned clear_places(void)
{
    unsigned left = 0;

    for (Place *place = places; place < places + options.processes; place++) {
        int status = 0;
        pid_t ended;
        if (place->pid == 0)
            continue;
        do {
            ended = waitpid(place->pid, &status, WNOHANG);
        } while (ended < 0 && errno == EINTR);
        if (ended == 0) {
            left++;
            continue;
        }
        if (ended < 0)
            log_error("waitpid"); /* it is no child of this process */
        say_ended(place->pid, status);
        place->pid = 0;
    }
    return left;
}

/*
 * Signal every child, but no empty place: kill(0) is for the own group. Try
 * twice: a child that does not get it would be waited for.
 */
static void signal_all(int signo)
{
    for (Place *place = places; place < places + options.processes; place++)
        for (int i = 0; place->pid != 0 && i < 2; i++) {
            if (kill(place->pid, signo) == 0)
                break;
            log_error("kill %d", place->pid);
        }
}

/*
 * Tell all children to end, and again at each signal. They may take the time
 * of the message in hand (-d) and two seconds more. When the last copy of the
 * listening socket is closed, the kernel refuses clients.
 */
static void stop_all(void)
{
    patience_ends = now() + options.delay * (SECOND / 1000) + 2 * SECOND;
    if (!stopping) {
        close(listener);
        signal_all(SIGCONT); /* a stopped process would not end */
    }
    stopping = true;
    signal_all(SIGTERM);
}

/* Kill the children that should have ended: they hang, or are stopped. */
static void kill_all(void)
{
    for (Place *place = places; place < places + options.processes; place++)
        if (place->pid != 0)
            log_line("process %d does not end: killing it", place->pid);
    signal_all(SIGKILL);
    patience_ends = NEVER;
}

/* Wait for a signal, and return it, or -1 when it is time. */
static int await_signal(int64_t until)
{
    int64_t left = until - now();
    struct timespec timeout = {left / SECOND, left % SECOND};

    return left > 0 ? sigtimedwait(&awaited, NULL, &timeout) : -1;
}

/* Return 0, or -1 after saying what failed. No child is left. */
static int run_parent(void)
{
    listener = socket_listen(&options.address);
    if (listener < 0)
        return -1;
    int result = fill_places() == NEVER ? socket_announce(listener) : -1;
    if (result < 0)
        stop_all();
    while (clear_places() > 0 || !stopping) {
        int signo = await_signal(stopping ? patience_ends : fill_places());
        if (signo == SIGINT || signo == SIGTERM)
            stop_all();
        if (stopping && now() >= patience_ends)
            kill_all();
    }
    return result;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* send(2) fails with EPIPE instead */
    options = options_parse(argc, argv, "apvfmbdni");
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
