#include "connection_state.h"

#include <errno.h>
#include <unistd.h>

/* Hands the kernel what it will take. Returns how much that was. */
static inline size_t write_now(Connection *connection, const void *data,
                               size_t size)
{
    ssize_t written = send(connection->channel.fd, data, size, MSG_DONTWAIT);

    if (written < 0 && errno != EAGAIN && errno != EINTR)
        connection_fail(connection, "write");
    if (written < 0)
        return 0;
    return (size_t)written;
}

/* Waits until the kernel has taken all, and everybody else waits too. */
static void send_all(Connection *connection, const char *data, size_t size)
{
    int fd = connection->channel.fd;
    size_t sent = write_now(connection, data, size);

    while (sent < size && connection->state == OPEN)
        if (event_loop_wait_writable(connection->loop, fd) < 0)
            connection->state = ENDED;
        else
            sent += write_now(connection, data + sent, size - sent);
}

void connection_send(Connection *connection, const void *data, size_t size)
{
    if (connection->state == OPEN)
        send_all(connection, data, size);
}
