#include "connection_state.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* That a client has gone away is no news; any other failure is. */
void connection_fail(Connection *connection, const char *call)
{
    char text[INET_ADDRESS_TEXT];

    connection->state = ENDED;
    if (connection->group->options->verbose ||
        (errno != ECONNRESET && errno != EPIPE))
        log_error("%s %s", call, inet_address_format(&connection->peer, text));
}

/* Our end of file is sent; the client's is still to come. */
static void linger(Connection *connection)
{
    connection->state = LINGERING;
    if (!connection->read_ended &&
        shutdown(connection->channel.fd, SHUT_WR) < 0)
        connection->state = ENDED;
}

/* Takes the next steps towards the end, as far as they can be taken. */
static void wind_up(Connection *connection)
{
    connection->pending = false;
    buffer_reset(&connection->input);
    if (connection->state == FINISHING && buffer_is_empty(&connection->output))
        linger(connection);
    if (connection->state == LINGERING && connection->read_ended)
        connection->state = ENDED;
}

/*
 * While paused, a client is not read: what it sends fills the sockets'
 * buffers, and TCP makes it wait. Reading or writing, one of them is watched
 * for, so an error is noticed; or a worker has a message, and is waited for.
 */
static uint32_t wanted_events(const Connection *connection)
{
    bool reading = connection->state != OPEN ||
                   (!connection->paused && !connection->pending);
    bool writing = !buffer_is_empty(&connection->output) ||
                   (connection->pending && connection->work == NULL);

    return (reading && !connection->read_ended ? EPOLLIN : 0u) |
           (writing ? EPOLLOUT : 0u);
}

/* Nothing more will be read: it finishes when what was read is answered. */
static void finish_when_answered(Connection *connection)
{
    if (connection->pending || connection->work != NULL)
        return;
    connection_finish(connection);
}

/* Most often: all is answered and out, and it goes on reading. */
static bool is_settled(const Connection *connection)
{
    if (connection->read_ended || connection->pending)
        return false;
    return connection->state == OPEN && buffer_is_empty(&connection->output) &&
           connection->channel.events == EPOLLIN;
}

static void settle(Connection *connection)
{
    if (connection->read_ended)
        finish_when_answered(connection);
    if (connection->state != OPEN)
        wind_up(connection);
    if (connection->state != ENDED &&
        channel_watch(&connection->channel, wanted_events(connection)) < 0)
        connection_fail(connection, "epoll_ctl");
    if (connection->state == ENDED && connection->work != NULL)
        channel_watch(&connection->channel, 0);
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

    pthread_mutex_lock(&connection->lock);
    connection->handling = true;
    if (!(ready & (EPOLLIN | EPOLLOUT)))
        ready = connection->channel.events;
    if (ready & EPOLLOUT)
        handle_writable(connection);
    if (ready & EPOLLIN && connection->state != ENDED)
        connection_read(connection);
    if (!is_settled(connection))
        settle(connection);
    connection->handling = false;
    bool ended = connection->state == ENDED && connection->work == NULL;
    pthread_mutex_unlock(&connection->lock);
    if (ended)
        connection->group->on_ended(connection->group->owner, connection);
}

/*
 * Recursive: a message that is handled on the loop's thread is answered from
 * inside handle_event, which holds the lock already.
 */
static void init_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

Connection *connection_create(ConnectionGroup *group, EventLoop *loop, int fd,
                              const InetAddress *peer)
{
    Connection *connection = malloc(sizeof(*connection));

    if (connection == NULL) {
        log_error("connection");
        close(fd);
        return NULL;
    }
    *connection = (Connection){.group = group, .peer = *peer};
    channel_init(&connection->channel, event_loop_epoll(loop), fd, handle_event,
                 connection);
    init_lock(&connection->lock);
    return connection;
}

int connection_open(Connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    int result = channel_watch(&connection->channel, EPOLLIN);
    pthread_mutex_unlock(&connection->lock);
    if (result == 0)
        return 0;
    connection_fail(connection, "epoll_ctl");
    return -1;
}

/* A lock on Linux is but its memory: there is nothing else to give back. */
void connection_destroy(Connection *connection)
{
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

/* A socket that can be written to says so at once. */
void connection_look_again(Connection *connection)
{
    if (!connection->handling)
        channel_watch(&connection->channel,
                      connection->channel.events | EPOLLOUT);
}

void connection_finish(Connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    if (connection->state == OPEN)
        connection->state = FINISHING;
    connection_look_again(connection);
    pthread_mutex_unlock(&connection->lock);
}
