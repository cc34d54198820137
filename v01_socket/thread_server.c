/* A TCP echo server with a thread for each client. Start to read at main. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char usage[] = "usage: thread_server [-a ADDR] [-p PORT] [-h]";
static struct sockaddr_in address = {.sin_family = AF_INET};

/* "volatile": the signal handler uses them too, so read them anew each time. */
static volatile sig_atomic_t stopping; /* sig_atomic_t: never half written */
static volatile sig_atomic_t listener = -1; /* the listening socket */

typedef struct Connection {
    int fd;
    struct Connection *previous, *next;
} Connection;

/* Guards all below, which every thread uses. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t connection_ended = PTHREAD_COND_INITIALIZER;
/* The head of a ring: the last connection points to the head again. */
static Connection connections = {-1, &connections, &connections};
static pthread_t last_ended;
static bool any_ended; /* last_ended is set */

static _Noreturn void fail_to_start(const char *call)
{
    warn("%s %s:%d", call, inet_ntoa(address.sin_addr),
         ntohs(address.sin_port)); /* from network byte order to the host's */
    if (listener >= 0)
        close(listener);
    exit(1);
}

static void start_listening(void)
{
    const int on = 1;
    socklen_t size = sizeof(address);

    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0)
        fail_to_start("socket");
    /* Allow the port although old connections linger on it: see tcp(7). */
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        fail_to_start("setsockopt");
    /* bind takes any kind of address as a struct sockaddr: hence the cast. */
    if (bind(listener, (struct sockaddr *)&address, size) < 0)
        fail_to_start("bind");
    if (listen(listener, SOMAXCONN) < 0)
        fail_to_start("listen");
    /* After -p 0, only the system knows the port. */
    if (getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        fail_to_start("getsockname");
    printf("listening on %s:%d\n", inet_ntoa(address.sin_addr),
           ntohs(address.sin_port));
    if (fflush(stdout) != 0 && !stopping)
        fail_to_start("write");
}

/* Write all the bytes. One write(2) may take fewer, and returns how many. */
static bool write_all(int fd, const char *next, size_t left)
{
    while (left > 0) {
        ssize_t written = write(fd, next, left);
        if (written < 0 && errno == EINTR)
            continue; /* a signal interrupted the call: call again */
        if (written < 0)
            return false;
        next += written;
        left -= (size_t)written;
    }
    return true;
}

/* Echo what one read(2) brings. Return false at end of file or on failure. */
static bool echo(int fd)
{
    char buffer[16 * 1024];
    ssize_t size = read(fd, buffer, sizeof(buffer));

    if (size < 0)
        return errno == EINTR; /* a signal interrupted the call: go on */
    return size > 0 && write_all(fd, buffer, (size_t)size);
}

/*
 * Remove the connection. An ended thread keeps its stack until it is joined,
 * so each thread that ends joins the one that ended before it; main joins
 * the last.
 */
static void close_connection(Connection *connection)
{
    pthread_mutex_lock(&lock);
    bool join = any_ended;
    pthread_t ended_before = last_ended;
    any_ended = true;
    last_ended = pthread_self();
    connection->previous->next = connection->next;
    connection->next->previous = connection->previous;
    close(connection->fd);
    free(connection);
    pthread_cond_signal(&connection_ended);
    pthread_mutex_unlock(&lock);
    if (join)
        pthread_join(ended_before, NULL);
}

static void *serve(void *context)
{
    Connection *connection = context;

    while (echo(connection->fd))
        ;
    close_connection(connection);
    return NULL;
}

/* Only main takes signals: a new thread inherits that they are blocked. */
static int start_thread(Connection *connection)
{
    pthread_t thread;
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&thread, NULL, serve, connection);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return errno == 0 ? 0 : -1;
}

static void open_connection(int fd)
{
    Connection *connection = malloc(sizeof(*connection));

    /* With the lock, the thread can't end before its connection is listed. */
    pthread_mutex_lock(&lock);
    if (connection != NULL)
        *connection = (Connection){fd, &connections, connections.next};
    if (connection == NULL || start_thread(connection) < 0) {
        warn("refused a client");
        free(connection);
        close(fd);
    } else {
        connections.next->previous = connection;
        connections.next = connection;
    }
    pthread_mutex_unlock(&lock);
}

/* Shut all connections down, so that no thread waits, and wait for all. */
static void close_connections(void)
{
    pthread_mutex_lock(&lock);
    for (Connection *c = connections.next; c != &connections; c = c->next)
        shutdown(c->fd, SHUT_RDWR);
    while (connections.next != &connections)
        pthread_cond_wait(&connection_ended, &lock);
    pthread_mutex_unlock(&lock);
    if (any_ended)
        pthread_join(last_ended, NULL);
}

static void accept_client(void)
{
    int fd = accept(listener, NULL, NULL);

    if (fd >= 0) {
        open_connection(fd);
    } else if (errno != EINTR && !stopping) {
        warn("accept");
        usleep(10000); /* it may fail again at once: rest for 10 ms */
    }
}

/* A handler may call shutdown(2): see signal-safety(7). */
static void on_signal(int signo)
{
    int saved_errno = errno;

    (void)signo;
    stopping = 1;
    /* A call that begins after the signal is not interrupted: let none wait. */
    shutdown(listener, SHUT_RDWR); /* -1: does nothing */
    errno = saved_errno;
}

static _Noreturn void wrong_use(const char *problem, char *value)
{
    value[strcspn(value, "\n")] = '\0'; /* a message is one line */
    warnx("%s: %s", problem, value);
    errx(2, "%s", usage);
}

static void parse_options(int argc, char **argv)
{
    char *host = "127.0.0.1", *port = "8000";
    int letter;

    while ((letter = getopt(argc, argv, ":a:p:h")) != -1) {
        char option[] = {'-', (char)optopt, '\0'};
        switch (letter) {
        case 'a': host = optarg; break;
        case 'p': port = optarg; break;
        case 'h': exit(puts(usage) < 0 || fflush(stdout) != 0);
        case ':': wrong_use("value missing", option);
        default: wrong_use("unknown option", option);
        }
    }
    if (optind < argc)
        wrong_use("stray argument", argv[optind]);
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        wrong_use("-a: not a numeric IPv4 address", host);
    if (*port == '\0' || port[strspn(port, "0123456789")] != '\0' ||
        strtoul(port, NULL, 10) > 65535)
        wrong_use("-p: not a number from 0 to 65535", port);
    address.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
}

/* If 2 is closed, a client's socket becomes 2 and gets the messages. */
static void open_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", O_RDWR); /* takes the lowest free number: fd */
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_signal};

    open_standard_descriptors();
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* write(2) fails with EPIPE instead */
    parse_options(argc, argv);
    start_listening();
    while (!stopping)
        accept_client();
    close_connections();
    close(listener);
    return 0;
}
