#include "connection_state.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

void connection_end(Connection *connection, Reason reason)
{
    if (connection->state == OPEN)
        connection->reason = reason;
    connection->state = ENDED;
}

/* That a client has gone away is no news; any other failure is. */
void connection_fail(Connection *connection, const char *call)
{
    char text[INET_ADDRESS_TEXT];

    connection_end(connection, FAILED);
    if (connection->group->options->verbose ||
        (errno != ECONNRESET && errno != EPIPE))
        log_error("%s %s", call, inet_address_format(&connection->peer, text));
}

void connection_finish_for(Connection *connection, Reason reason)
{
    if (connection->state != OPEN)
        return;
    connection->state = FINISHING;
    connection->reason = reason;
}

/* The client has all that was sent, and has sent nothing that is unread. */
static bool is_quiet(const Connection *connection)
{
    int fd = connection->channel.fd;
    int unread = 0;
    int unconfirmed = 0;

    return ioctl(fd, FIONREAD, &unread) == 0 && unread == 0 &&
           ioctl(fd, TIOCOUTQ, &unconfirmed) == 0 && unconfirmed == 0;
}

/* Closing now would destroy nothing on its way. */
static bool may_leave(const Connection *connection)
{
    return connection->read_ended ||
           (connection->drained && is_quiet(connection));
}

/* Our end of file is sent; the client's is still to come. */
static void linger(Connection *connection)
{
    connection->state = LINGERING;
    if (!may_leave(connection) &&
        (connection_idle_linger(connection) < 0 ||
         shutdown(connection->channel.fd, SHUT_WR) < 0))
        connection->state = ENDED;
}

/* Takes the next steps towards the end, as far as they can be taken. */
static void wind_up(Connection *connection)
{
    connection->pending = false;
    buffer_reset(&connection->input);
    if (connection->state == FINISHING && buffer_is_empty(&connection->output))
        linger(connection);
    if (connection->state == LINGERING && may_leave(connection))
        connection->state = ENDED;
}

/*
 * While paused, a client is not read: what it sends fills the sockets'
 * buffers, and TCP makes it wait. Reading or writing, one of them is watched
 * for, so an error is noticed; or a worker has a message, and is waited for.
 */
static uint32_t wanted_events(const Connection *connection)
{
    bool reading =
        connection->state != OPEN ||
        (!connection->paused && !connection->pending && !connection->drained);
    bool writing = !buffer_is_empty(&connection->output) ||
                   (connection->pending && connection->work == NULL);

    return (reading && !connection->read_ended ? EPOLLIN : 0u) |
           (writing ? EPOLLOUT : 0u);
}

/* Nothing more will be read: it finishes when what was read is answered. */
static void finish_when_answered(Connection *connection)
{
    bool talks_on = connection->group->handler.talks_on;

    if (connection->pending || connection->work != NULL)
        return;
    if (connection->read_ended && !talks_on)
        connection_finish_for(connection, BY_PEER);
    if (connection->drained)
        connection_finish_for(connection, DRAINED);
}

/* It leaves when no event of this batch, and no worker, knows it any more. */
static void leave(Connection *connection)
{
    if (connection->work == NULL)
        connection_queue(connection);
    else
        channel_watch(&connection->channel, 0);
}

/* Most often: all is answered and out, and it goes on reading. */
static bool is_settled(const Connection *connection)
{
    if (connection->read_ended || connection->pending || connection->drained)
        return false;
    return connection->state == OPEN && buffer_is_empty(&connection->output) &&
           connection->channel.events == EPOLLIN;
}

void connection_settle(Connection *connection)
{
    if (connection->read_ended || connection->drained)
        finish_when_answered(connection);
    if (connection->state != OPEN)
        wind_up(connection);
    if (connection->state != ENDED &&
        channel_watch(&connection->channel, wanted_events(connection)) < 0)
        connection_fail(connection, "epoll_ctl");
    if (connection->state == ENDED)
        leave(connection);
}

/* More may have been sent since; a worker must not be disturbed. */
static void tell_written(Connection *connection)
{
    const ConnectionHandler *handler = &connection->group->handler;

    if (!connection->written || connection->work != NULL)
        return;
    connection->written = false;
    if (connection->state == OPEN && buffer_is_empty(&connection->output))
        handler->on_write_complete(handler->context, connection);
}

static void do_queued(void *context)
{
    Connection *connection = context;

    connection->queued = false;
    if (connection->state == ENDED && connection->work == NULL) {
        connection->group->statistics.closed[connection->reason]++;
        connection->group->on_ended(connection->group->owner, connection);
        return;
    }
    connection->handling = true;
    tell_written(connection);
    connection_settle(connection);
    connection->handling = false;
}

void connection_queue(Connection *connection)
{
    if (connection->queued)
        return;
    connection->queued = true;
    event_loop_queue_in_loop(connection->group->loop, &connection->task);
}

static void handle_writable(Connection *connection)
{
    connection_flush(connection);
    connection_handle_input(connection);
}

/* An error alone shows in whichever call is tried next. */
static void handle_event(void *context)
{
    Connection *connection = context;
    uint32_t ready = connection->channel.ready;

    if (connection->state == ENDED) {
        leave(connection);
        return;
    }
    connection->handling = true;
    if (!(ready & (EPOLLIN | EPOLLOUT)))
        ready = connection->channel.events;
    if (ready & EPOLLOUT)
        handle_writable(connection);
    if (ready & EPOLLIN && connection->state != ENDED)
        connection_read(connection);
    if (!is_settled(connection))
        connection_settle(connection);
    connection->handling = false;
}

Connection *connection_create(ConnectionGroup *group, int fd,
                              const InetAddress *peer)
{
    Connection *connection = malloc(sizeof(*connection));

    if (connection == NULL) {
        log_error("connection");
        close(fd);
        return NULL;
    }
    *connection = (Connection){.group = group, .peer = *peer};
    channel_init(&connection->channel, event_loop_epoll(group->loop), fd,
                 handle_event, connection);
    return connection;
}

static void open_in_loop(void *context)
{
    Connection *connection = context;
    ConnectionGroup *group = connection->group;

    connection->task.run = do_queued;
    group->statistics.accepted++;
    if (group->on_opened(group->owner, connection) < 0 ||
        connection_idle_start(connection) < 0)
        connection_fail(connection, "open");
    else if (group->handler.on_open != NULL)
        group->handler.on_open(group->handler.context, connection);
    connection_settle(connection);
}

void connection_open(Connection *connection)
{
    connection->task = (Task){.run = open_in_loop, .context = connection};
    event_loop_run_in_loop(connection->group->loop, &connection->task);
}

void connection_destroy(Connection *connection)
{
    timer_queue_clear(event_loop_timers(connection->group->loop),
                      &connection->idle);
    if (connection->work != NULL)
        connection_work_destroy(connection->work);
    buffer_reset(&connection->output);
    buffer_reset(&connection->input);
    close(connection->channel.fd);
    free(connection);
}

int connection_fd(const Connection *connection)
{
    return connection->channel.fd;
}

const InetAddress *connection_peer(const Connection *connection)
{
    return &connection->peer;
}

void connection_finish(Connection *connection)
{
    if (connection_is_at_work(connection)) {
        connection_work_finish(connection->work);
        return;
    }
    connection_finish_for(connection, BY_SERVER);
    connection_look_again(connection);
}

/* A client may send for ever; what it sends from now on is not waited for. */
void connection_drain(Connection *connection)
{
    int unread = 0;

    if (connection->rest == 0 && !connection->drained) {
        ioctl(connection->channel.fd, FIONREAD, &unread);
        connection->rest = (unsigned)unread;
        connection->drained = unread == 0;
    }
    connection_settle(connection);
}
