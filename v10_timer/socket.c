#include "socket.h"
#include "log.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

static int fail_to_start(const char *call, const InetAddress *address, int fd)
{
    char text[INET_ADDRESS_TEXT];

    log_error("%s %s", call, inet_address_format(address, text));
    if (fd >= 0)
        close(fd);
    return -1;
}

static int set_option(int fd, int level, int option)
{
    const int on = 1;

    return setsockopt(fd, level, option, &on, sizeof(on));
}

int socket_listen(const InetAddress *address)
{
    int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int fd = socket(address->any.sa_family, type, 0);

    if (fd < 0)
        return fail_to_start("socket", address, fd);
    /* A port on which old connections linger can be taken again at once. */
    if (set_option(fd, SOL_SOCKET, SO_REUSEADDR) < 0)
        return fail_to_start("setsockopt", address, fd);
    /* Urgent bytes are bytes like the rest. Accepted sockets inherit it. */
    if (set_option(fd, SOL_SOCKET, SO_OOBINLINE) < 0)
        return fail_to_start("setsockopt", address, fd);
    /* A short reply does not wait for the one before it to arrive: tcp(7). */
    if (set_option(fd, IPPROTO_TCP, TCP_NODELAY) < 0)
        return fail_to_start("setsockopt", address, fd);
    if (bind(fd, &address->any, inet_address_size(address)) < 0)
        return fail_to_start("bind", address, fd);
    if (listen(fd, SOMAXCONN) < 0)
        return fail_to_start("listen", address, fd);
    return fd;
}

int socket_announce(int listener)
{
    InetAddress address;
    socklen_t size = sizeof(address);
    char text[INET_ADDRESS_TEXT];

    if (getsockname(listener, &address.any, &size) < 0) {
        log_error("getsockname");
        return -1;
    }
    printf("listening on %s\n", inet_address_format(&address, text));
    if (fflush(stdout) != 0)
        return fail_to_start("write", &address, -1);
    return 0;
}

int socket_accept(int listener, InetAddress *peer)
{
    socklen_t size = sizeof(*peer);

    return accept4(listener, &peer->any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/*
 * For how many milliseconds TCP has been sending the same bytes again: each
 * wait for their acknowledgement is twice the one before (RFC 6298, 5.5).
 */
static unsigned repeating(const struct tcp_info *info)
{
    unsigned tries = info->tcpi_retransmits < 31 ? info->tcpi_retransmits : 31;

    return (info->tcpi_rto - (info->tcpi_rto >> tries)) / 1000;
}

unsigned socket_idle(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);

    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    unsigned sent = info.tcpi_last_data_sent + repeating(&info);
    return sent < info.tcpi_last_data_recv ? sent : info.tcpi_last_data_recv;
}
