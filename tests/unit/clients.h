/*
 * Clients for unit checks of the library: blocking sockets with a limit in
 * time. library.h includes this.
 */
#ifndef CLIENTS_H
#define CLIENTS_H

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE = 20 }; /* seconds */

static in_port_t port; /* of the server, in network order */

static inline int come(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = port};
    struct timeval limit = {.tv_sec = PATIENCE};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    for (int tries = 0; tries < PATIENCE * 1000; tries++) {
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            return fd;
        usleep(1000); /* the server does not listen yet */
    }
    EXPECT(!"the server listens");
    return fd;
}

static inline void say(int fd, const char *text)
{
    ssize_t size = (ssize_t)strlen(text);

    EXPECT_EQUAL(send(fd, text, (size_t)size, MSG_NOSIGNAL), size);
}

/* Exactly these bytes must come next. */
static inline void hear(int fd, const char *text)
{
    char got[200] = "";
    ssize_t size = recv(fd, got, strlen(text), MSG_WAITALL);

    if (size < 0 || strcmp(got, text) != 0) {
        unit_failures++;
        fprintf(stderr, "a client must get \"%s\", it got \"%s\" (%zd)\n", text,
                got, size);
    }
}

/* Read to the end, in whatever way it comes. Returns how many bytes came. */
static inline long hear_out(int fd)
{
    char piece[4096];
    long all = 0;
    ssize_t size;

    while ((size = recv(fd, piece, sizeof(piece), 0)) > 0)
        all += size;
    EXPECT(size == 0 || errno == ECONNRESET);
    return all;
}

static inline void leave_rudely(int fd)
{
    struct linger at_once = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
}

/* Read so many bytes. Return how many came. */
static inline long hear_much(int fd, long wanted)
{
    char piece[60000];
    long got = 0;
    ssize_t size = 1;

    while (got < wanted && size > 0) {
        size = recv(fd, piece, sizeof(piece), 0);
        got += size > 0 ? size : 0;
    }
    return got;
}

#endif
