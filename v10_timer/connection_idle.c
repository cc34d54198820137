#include "connection_state.h"
#include "socket.h"

#include <poll.h>
#include <sys/ioctl.h>

/* How long a client may take to hang up, in milliseconds, also if it sends. */
enum { LINGER = 30000 };

/*
 * The kernel counts a connection's idle time in ticks of its clock, at most
 * so many milliseconds long.
 */
enum { CLOCK_TICK = 20 };
static const int64_t MILLISECOND = 1000000;

static int set_timer(Connection *connection, unsigned milliseconds)
{
    return timer_queue_set(event_loop_timers(connection->group->loop),
                           &connection->idle,
                           timer_queue_now() + milliseconds * MILLISECOND);
}

static bool is_writable(const Connection *connection)
{
    struct pollfd socket = {.fd = connection->channel.fd, .events = POLLOUT};

    return poll(&socket, 1, 0) > 0;
}

/*
 * It is the server's turn: to handle what was read, to write, or to read. It
 * waits for the client where that would have to read first.
 */
static bool is_waited_for(const Connection *connection)
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

/*
 * The kernel knows when it last sent and received: so a message costs
 * nothing here, and a connection is looked at when it would have been idle
 * for long enough, and then again when it may be.
 */
static void handle_idle(void *context)
{
    Connection *connection = context;
    unsigned limit = connection->group->options->idle + CLOCK_TICK;
    bool lingering = connection->state == LINGERING;
    unsigned idle =
        is_waited_for(connection) ? 0 : socket_idle(connection->channel.fd);

    if (!lingering && idle < limit && set_timer(connection, limit - idle) == 0)
        return;
    connection_end(connection, IDLE);
    connection_settle(connection);
}

int connection_idle_start(Connection *connection)
{
    unsigned limit = connection->group->options->idle;

    connection->idle = (Timer){.on_due = handle_idle, .context = connection};
    return limit == 0 ? 0 : set_timer(connection, limit + CLOCK_TICK);
}

int connection_idle_linger(Connection *connection)
{
    unsigned limit = connection->group->options->idle;

    if (limit == 0 || limit > LINGER)
        limit = LINGER;
    return set_timer(connection, limit + CLOCK_TICK);
}
