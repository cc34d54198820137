#include "start.h"

#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_THREADS = 64, MOST_PORT = 65535 };

static int number(const char *text, int most)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end != '\0' || value < 0 || value > most)
        errx(2, "not a number from 0 to %d: %s", most, text);
    return (int)value;
}

static int listen_on(int port)
{
    const int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        err(1, "socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    /* Accepted sockets inherit it: no call of their own is needed. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        err(1, "bind 127.0.0.1:%d", port);
    if (listen(fd, SOMAXCONN) < 0)
        err(1, "listen 127.0.0.1:%d", port);
    return fd;
}

int start_listening(int argc, char **argv, int *threads)
{
    int port = 8000;
    int letter;

    signal(SIGPIPE, SIG_IGN);
    while ((letter = getopt(argc, argv, threads ? "p:t:" : "p:")) != -1) {
        if (letter == '?')
            exit(2);
        if (letter == 'p')
            port = number(optarg, MOST_PORT);
        else if (threads != NULL)
            *threads = number(optarg, MOST_THREADS);
    }
    return listen_on(port);
}

void start_announce(int listener)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof(address);

    if (getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        err(1, "getsockname");
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    if (fflush(stdout) != 0)
        err(1, "standard output");
}
