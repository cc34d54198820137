#include "connection_idle.h"
#include "socket.h"

#include <poll.h>
#include <sys/ioctl.h>

/* How long a client may take to leave, in milliseconds. */
enum { LINGER = 30000 };

/*
 * The kernel counts idle time in ticks of its own clock, 1 to 10 milliseconds
 * long. Wait for longer than that: no connection may be closed too soon.
 */
enum { KERNEL_TICK = 20 };

static const int64_t millisecond = 1000000;

static int set_idle_timer(Connection *connection, unsigned milliseconds)
{
    return timer_queue_set(event_loop_timers(connection->group->loop),
                           &connection->idle_timer,
                           timer_queue_now() + milliseconds * millisecond);
}

static bool is_writable(const Connection *connection)
{
    struct pollfd socket = {.fd = connection->channel.fd, .events = POLLOUT};

    return poll(&socket, 1, 0) > 0;
}

/*
 * Return whether the server has something to do: to handle, to write or to
 * read. It has nothing to do while it waits for the client to read.
 */
static bool is_servers_turn(const Connection *connection)
{
    int unread = 0;

    if (connection->work != NULL)
        return true;
    if (connection->pending || !buffer_is_empty(&connection->output))
        return is_writable(connection);
    if (connection->state == OPEN)
        ioctl(connection->channel.fd, FIONREAD, &unread);
    return unread > 0;
}

int connection_idle_start(Connection *connection,
                          void (*on_timer)(void *connection))
{
    unsigned limit = connection->group->idle_limit;

    connection->idle_timer = (Timer){.on_due = on_timer, .context = connection};
    return limit == 0 ? 0 : set_idle_timer(connection, limit + KERNEL_TICK);
}

bool connection_idle_recheck(Connection *connection)
{
    unsigned limit = connection->group->idle_limit + KERNEL_TICK;
    unsigned idle =
        is_servers_turn(connection) ? 0 : socket_idle(connection->channel.fd);

    return idle < limit && set_idle_timer(connection, limit - idle) == 0;
}

int connection_idle_linger(Connection *connection)
{
    unsigned limit = connection->group->idle_limit;

    if (limit == 0 || limit > LINGER)
        limit = LINGER;
    return set_idle_timer(connection, limit + KERNEL_TICK);
}

void connection_idle_stop(Connection *connection)
{
    timer_queue_clear(event_loop_timers(connection->group->loop),
                      &connection->idle_timer);
}
