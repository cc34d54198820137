/*
 * A TCP echo server for many clients on one thread: poll(2) says which of
 * them have sent something, and only those are read.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Connection {
    int fd;
    struct sockaddr_in peer;
} Connection;

static const char usage[] = "usage: poll_server [-a ADDR] [-p PORT] [-v] [-h]";
static struct sockaddr_in address = {.sin_family = AF_INET};
static bool verbose;
static volatile sig_atomic_t stopping;
static volatile sig_atomic_t listener = -1;
static volatile sig_atomic_t serving = -1; /* the client's descriptor */
static Connection **table; /* by descriptor; NULL: none */
static size_t table_size;
static struct pollfd *watched; /* by descriptor; fd -1: none */
static nfds_t watched_size; /* one more than the highest */

/* The text is good until the next call. */
static const char *text_of(const struct sockaddr_in *from)
{
    static char text[32];

    snprintf(text, sizeof(text), "%s:%d", inet_ntoa(from->sin_addr),
             ntohs(from->sin_port));
    return text;
}

static int fail_to_start(const char *call, int fd)
{
    warn("%s %s", call, text_of(&address));
    if (fd >= 0)
        close(fd);
    return -1;
}

static int listen_on_address(void)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0)
        return fail_to_start("socket", fd);
    /* A port on which old connections linger can be taken again at once. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return fail_to_start("setsockopt", fd);
    /* Urgent bytes are bytes like the rest. Accepted sockets inherit it. */
    if (setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)) < 0)
        return fail_to_start("setsockopt", fd);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return fail_to_start("bind", fd);
    if (listen(fd, SOMAXCONN) < 0)
        return fail_to_start("listen", fd);
    return fd;
}

/* Says where clients can connect: after -p 0 only the system knows. */
static int announce(void)
{
    socklen_t size = sizeof(address);

    if (getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        return fail_to_start("getsockname", -1);
    printf("listening on %s\n", text_of(&address));
    if (fflush(stdout) != 0)
        return fail_to_start("write", -1);
    return 0;
}

static void say(const char *what, const Connection *connection)
{
    if (verbose)
        warnx("%s %s", what, text_of(&connection->peer));
}

/* That a client has gone away is no news; any other failure is. */
static void say_failed(const char *call, const Connection *connection)
{
    if (verbose || (errno != ECONNRESET && errno != EPIPE))
        warn("%s %s", call, text_of(&connection->peer));
}

/* Makes the table long enough for fd. */
static int make_place(int fd)
{
    size_t size = table_size;

    if ((size_t)fd < size)
        return 0;
    while (size <= (size_t)fd)
        size = size ? size * 2 : 64;
    Connection **longer = realloc(table, size * sizeof(*longer));
    if (longer == NULL)
        return -1;
    table = longer;
    struct pollfd *more = realloc(watched, size * sizeof(*more));
    if (more == NULL)
        return -1;
    watched = more;
    for (; table_size < size; table_size++) {
        table[table_size] = NULL;
        watched[table_size] = (struct pollfd){.fd = -1};
    }
    return 0;
}

/* poll(2) will report it while there is something to read. */
static void watch(int fd)
{
    watched[fd] = (struct pollfd){.fd = fd, .events = POLLIN};
    if (watched_size <= (nfds_t)fd)
        watched_size = (nfds_t)fd + 1;
}

static void unwatch(int fd)
{
    watched[fd].fd = -1; /* poll(2) passes over it */
}

static void close_connection(Connection *connection)
{
    say("closed", connection);
    table[connection->fd] = NULL;
    unwatch(connection->fd);
    close(connection->fd);
    free(connection);
}

/* One write may take less than all of it: it returns how much it took. */
static bool write_all(const Connection *connection, const char *next,
                      size_t left)
{
    while (left > 0) {
        ssize_t written = write(connection->fd, next, left);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            say_failed("write", connection);
            return false;
        }
        next += written;
        left -= (size_t)written;
    }
    return true;
}

/* Sends back what one read brings. False: there is nothing more to do. */
static bool echo(const Connection *connection)
{
    static char buffer[64 * 1024];
    ssize_t size = read(connection->fd, buffer, sizeof(buffer));

    if (size < 0 && errno == EINTR)
        return true;
    if (size < 0)
        say_failed("read", connection);
    if (size <= 0) /* 0 is end of file: the client sends no more */
        return false;
    return write_all(connection, buffer, (size_t)size);
}

static void serve(Connection *connection)
{
    bool open = true;

    serving = connection->fd;
    if (!stopping)
        open = echo(connection);
    serving = -1;
    if (!open)
        close_connection(connection);
}

/* Returns the next client's descriptor, or -1 when there is none now. */
static int accept_client(struct sockaddr_in *peer)
{
    socklen_t size = sizeof(*peer);
    int fd = accept(listener, (struct sockaddr *)peer, &size);
    static int last_error;

    if (fd < 0 && errno != EINTR && !stopping) {
        if (errno != last_error)
            warn("accept");
        else
            poll(NULL, 0, 10); /* it fails again: sleep for 10 ms, not spin */
        last_error = errno;
    } else {
        last_error = 0;
    }
    return fd;
}

static void open_connection(void)
{
    struct sockaddr_in peer = {0};
    int fd = accept_client(&peer);

    if (fd < 0)
        return;
    Connection *connection = malloc(sizeof(*connection));
    if (connection == NULL || make_place(fd) < 0) {
        warn("refused %s", text_of(&peer));
        free(connection);
        close(fd);
        return;
    }
    *connection = (Connection){fd, peer};
    table[fd] = connection;
    watch(fd);
    say("opened", connection);
}

/* Returns -1 unless it is for lack of memory, which may come to an end. */
static int fail_to_wait(const char *call)
{
    static bool said;
    bool fatal = errno != ENOMEM;

    if (fatal || !said)
        warn("%s", call);
    said = true;
    poll(NULL, 0, 10); /* it may fail again: sleep for 10 ms, not spin */
    return fatal ? -1 : 0;
}

static int run(void)
{
    while (!stopping) {
        int count = poll(watched, watched_size, -1);
        if (count < 0 && errno != EINTR && fail_to_wait("poll") < 0)
            return -1;
        for (int fd = 0; count > 0; fd++) {
            if (watched[fd].fd < 0 || watched[fd].revents == 0)
                continue;
            count--;
            if (fd == listener)
                open_connection();
            else
                serve(table[fd]);
        }
    }
    return 0;
}

static int start_watching(void)
{
    if (make_place(listener) < 0) {
        warn("connection table");
        return -1;
    }
    watch(listener);
    return 0;
}

static void stop_watching(void)
{
    for (size_t fd = 0; fd < table_size; fd++)
        if (table[fd] != NULL)
            close_connection(table[fd]);
    free(table);
    free(watched);
}

/*
 * A signal may come just before a call that waits. So it is not enough that
 * it interrupts the call: what the server waits on must not block any more.
 * A socket that is shut down never does. shutdown(2) may be called from a
 * signal handler, see signal-safety(7); on -1 it does nothing.
 */
static void on_signal(int signo)
{
    int saved_errno = errno;

    (void)signo;
    stopping = 1;
    shutdown(listener, SHUT_RDWR);
    shutdown(serving, SHUT_RDWR);
    errno = saved_errno;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* Whoever started this may have blocked them, and that is inherited. */
    sigprocmask(SIG_UNBLOCK, &action.sa_mask, NULL);
    signal(SIGPIPE, SIG_IGN); /* write(2) fails with EPIPE instead */
}

static _Noreturn void wrong_use(const char *what, const char *value)
{
    warnx("%s: %s", what, value);
    warnx("%s", usage);
    exit(2);
}

static void set_address(const char *text)
{
    if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
        wrong_use("-a: not a numeric IPv4 address", text);
}

static void set_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long port = strtoul(text, NULL, 10);

    if (digits == 0 || text[digits] != '\0' || port > 65535)
        wrong_use("-p: not a number from 0 to 65535", text);
    address.sin_port = htons((uint16_t)port);
}

static void parse_options(int argc, char **argv)
{
    int letter;

    set_address("127.0.0.1");
    set_port("8000");
    while ((letter = getopt(argc, argv, ":a:p:vh")) != -1) {
        char option[] = {'-', (char)optopt, '\0'};
        switch (letter) {
        case 'a': set_address(optarg); break;
        case 'p': set_port(optarg); break;
        case 'v': verbose = true; break;
        case 'h': exit(puts(usage) < 0 || fflush(stdout) != 0);
        case ':': wrong_use("value missing", option);
        default: wrong_use("unknown option", option);
        }
    }
    if (optind < argc)
        wrong_use("stray argument", argv[optind]);
}

int main(int argc, char **argv)
{
    int result = -1;

    catch_signals();
    parse_options(argc, argv);
    listener = listen_on_address();
    if (listener < 0)
        return 1;
    if (start_watching() == 0 && announce() == 0)
        result = run();
    stop_watching();
    close(listener);
    return result < 0;
}
