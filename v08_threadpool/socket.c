#include "socket.h"
#include "log.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Print why the call failed, and close fd if there is one. Return -1. */
static int report_and_close(const char *call, const InetAddress *address,
                            int fd)
{
    char text[INET_ADDRESS_TEXT];

    log_error("%s %s", call, inet_address_format(address, text));
    if (fd >= 0)
        close(fd);
    return -1;
}

static int switch_on(int fd, int level, int option)
{
    const int on = 1;

    return setsockopt(fd, level, option, &on, sizeof(on));
}

int socket_listen(const InetAddress *address)
{
    /*
     * accept must not wait when another process that shares this socket has
     * accepted the client.
     */
    int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int fd = socket(address->any.sa_family, type, 0);

    if (fd < 0)
        return report_and_close("socket", address, fd);
    /* Allow the port although old connections linger on it: see tcp(7). */
    if (switch_on(fd, SOL_SOCKET, SO_REUSEADDR) < 0)
        return report_and_close("setsockopt", address, fd);
    /*
     * TCP can mark a byte as urgent (MSG_OOB in send(2)), and read(2) leaves
     * that byte out. With this option it stays among the others, so that an
     * echo is complete. Accepted sockets inherit the options.
     */
    if (switch_on(fd, SOL_SOCKET, SO_OOBINLINE) < 0)
        return report_and_close("setsockopt", address, fd);
    /*
     * By default a short reply waits until the client has acknowledged the
     * one before it (Nagle's algorithm, RFC 896). Send each one at once.
     */
    if (switch_on(fd, IPPROTO_TCP, TCP_NODELAY) < 0)
        return report_and_close("setsockopt", address, fd);
    if (bind(fd, &address->any, inet_address_size(address)) < 0)
        return report_and_close("bind", address, fd);
    if (listen(fd, SOMAXCONN) < 0)
        return report_and_close("listen", address, fd);
    return fd;
}

/*
 * Return whether the program was told to stop. A signal handler shuts the
 * listener down. A program without such a handler blocks the signals: then a
 * signal that has come is pending.
 */
static bool must_stop(int listener)
{
    struct pollfd hung_up = {.fd = listener};
    sigset_t pending;

    sigpending(&pending);
    return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
           (poll(&hung_up, 1, 0) > 0 && (hung_up.revents & POLLHUP));
}

/* If nobody reads standard output, look every 10 ms for room or a stop. */
static int write_ready_line(int listener, const char *text, size_t size)
{
    while (size > 0 && !must_stop(listener)) {
        ssize_t written = log_write(STDOUT_FILENO, text, size);
        if (written < 0 && errno != EAGAIN)
            return -1;
        if (written < 0) {
            poll(NULL, 0, 10);
            continue;
        }
        text += written;
        size -= (size_t)written;
    }
    return 0;
}

int socket_announce(int listener)
{
    InetAddress address;
    socklen_t size = sizeof(address);
    char text[INET_ADDRESS_TEXT];
    char line[INET_ADDRESS_TEXT + sizeof("listening on \n")];

    if (getsockname(listener, &address.any, &size) < 0) {
        log_error("getsockname");
        return -1;
    }
    snprintf(line, sizeof(line), "listening on %s\n",
             inet_address_format(&address, text));
    if (write_ready_line(listener, line, strlen(line)) < 0)
        return report_and_close("write", &address, -1);
    return 0;
}

int socket_accept(int listener, InetAddress *peer)
{
    socklen_t size = sizeof(*peer);

    return accept4(listener, &peer->any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
}
