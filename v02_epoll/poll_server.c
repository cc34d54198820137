/* A TCP echo server for many clients on one thread, with poll(2). */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char usage[] = "usage: poll_server [-a ADDR] [-p PORT] [-h]";
static struct sockaddr_in address = {.sin_family = AF_INET};

/* "volatile": the signal handler uses them too, so read them anew each time. */
static volatile sig_atomic_t stopping; /* sig_atomic_t: never half written */
static volatile sig_atomic_t listener = -1; /* the listening socket */
static volatile sig_atomic_t serving = -1; /* the client's socket; -1: none */

static struct pollfd *watched; /* indexed by descriptor; fd -1: none */
static size_t table_length;
static nfds_t poll_count; /* from descriptor 0 to the highest watched one */

static _Noreturn void fail_to_start(const char *call)
{
    warn("%s %s:%d", call, inet_ntoa(address.sin_addr),
         ntohs(address.sin_port)); /* from network byte order to the host's */
    if (listener >= 0)
        close(listener);
    exit(1);
}

/* Make the table long enough for fd. Return 0, or -1 with errno set. */
static int reserve_entry(int fd)
{
    size_t length = table_length;

    if ((size_t)fd < length)
        return 0;
    while (length <= (size_t)fd)
        length = length == 0 ? 64 : length * 2;
    struct pollfd *longer = realloc(watched, length * sizeof(*longer));
    if (longer == NULL)
        return -1;
    for (; table_length < length; table_length++)
        longer[table_length] = (struct pollfd){.fd = -1};
    watched = longer;
    return 0;
}

/* poll(2) reports fd for as long as there is something to read. */
static int watch(int fd)
{
    if (reserve_entry(fd) < 0)
        return -1;
    watched[fd] = (struct pollfd){.fd = fd, .events = POLLIN};
    if (poll_count <= (nfds_t)fd)
        poll_count = (nfds_t)fd + 1;
    return 0;
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
    if (watch(listener) < 0)
        fail_to_start("watch");
    /* After -p 0, only the system knows the port. */
    if (getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        fail_to_start("getsockname");
    printf("listening on %s:%d\n", inet_ntoa(address.sin_addr),
           ntohs(address.sin_port));
    if (fflush(stdout) != 0 && !stopping)
        fail_to_start("write");
}

static void close_connection(int fd)
{
    watched[fd].fd = -1; /* poll passes over it */
    close(fd);
}

static void close_connections(void)
{
    for (size_t fd = 0; fd < table_length; fd++)
        if (watched[fd].fd >= 0 && watched[fd].fd != listener)
            close_connection((int)fd);
    free(watched);
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

static void serve(int fd)
{
    serving = fd;
    /* When stopping, close_connections closes the connection. */
    bool done = !stopping && !echo(fd);
    serving = -1;
    if (done)
        close_connection(fd);
}

static void open_connection(int fd)
{
    if (watch(fd) < 0) {
        warn("refused a client");
        close(fd);
    }
}

/* A call that failed may fail again at once: rest for 10 ms. */
static void report_and_rest(const char *call)
{
    warn("%s", call);
    usleep(10000);
}

static void accept_client(void)
{
    int fd = accept(listener, NULL, NULL);

    if (fd >= 0)
        open_connection(fd);
    else if (errno != EINTR && !stopping)
        report_and_rest("accept");
}

static void run(void)
{
    while (!stopping) {
        int count = poll(watched, poll_count, -1);
        if (count < 0 && errno != EINTR)
            report_and_rest("poll");
        for (int fd = 0; count > 0; fd++) {
            if (watched[fd].fd < 0 || watched[fd].revents == 0)
                continue;
            count--;
            if (fd == listener)
                accept_client();
            else
                serve(fd);
        }
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
    shutdown(serving, SHUT_RDWR);
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
    run();
    close_connections();
    close(listener);
    return 0;
}
