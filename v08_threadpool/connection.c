#include "connection.h"
#include "buffer.h"
#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One for each thread; what is left of it is copied before the next read. */
enum { SCRATCH = 256 * 1024 };
static _Thread_local char scratch[SCRATCH];

/* So many messages of one client, then it is the others' turn. */
enum { TURN = 1024 };

typedef enum State {
    OPEN, /* messages are taken and answered */
    FINISHING, /* no more are taken; the replies are on their way out */
    LINGERING, /* our end of file is out, the client's has not come */
    ENDED /* nothing more can be done */
} State;

/* A message on its way to a worker. */
typedef struct Work {
    Task task;
    size_t size;
    char data[];
} Work;

struct Connection {
    Channel channel;
    pthread_mutex_t lock; /* guards all that follows */
    const ConnectionGroup *group;
    Buffer input; /* read and not handled */
    Buffer output; /* sent and not taken by the kernel */
    size_t scanned; /* so much of the input holds no message's end */
    State state;
    bool read_ended; /* the client has sent end of file */
    bool paused; /* from high water until output falls to half of it */
    bool pending; /* whole messages may be waiting in the input */
    bool handling; /* its event is being handled; it is settled after that */
    bool corked; /* more messages are at hand: gather their replies */
    Work *work; /* the message that a worker has; NULL: none */
    InetAddress peer;
};

/* That a client has gone away is no news; any other failure is. */
static void fail(Connection *connection, const char *call)
{
    char text[INET_ADDRESS_TEXT];

    connection->state = ENDED;
    if (connection->group->options->verbose ||
        (errno != ECONNRESET && errno != EPIPE))
        log_error("%s %s", call, inet_address_format(&connection->peer, text));
}

/* Hands the kernel what it will take. Returns how much that was. */
static size_t write_now(Connection *connection, const void *data, size_t size)
{
    ssize_t written = write(connection->channel.fd, data, size);

    if (written >= 0)
        return (size_t)written;
    if (errno != EAGAIN && errno != EINTR)
        fail(connection, "write");
    return 0;
}

/* What the kernel has not taken follows when it can. */
static void keep(Connection *connection, const char *data, size_t size)
{
    Buffer *output = &connection->output;

    if (buffer_append(output, data, size) < 0)
        fail(connection, "output");
    if (buffer_size(output) >= connection->group->options->high_water)
        connection->paused = true;
}

static void flush(Connection *connection)
{
    Buffer *output = &connection->output;

    if (buffer_size(output) == 0 || connection->state == ENDED)
        return;
    buffer_consume(output, write_now(connection, buffer_front(output),
                                     buffer_size(output)));
    if (buffer_size(output) <= connection->group->options->high_water / 2)
        connection->paused = false;
}

/*
 * While a worker has the message, the connection is not freed, and no other
 * message of it is handed up. What is to be done then is the loop's: its
 * thread finds the socket writable, which it is but when output waits.
 */
static void do_work(void *context)
{
    Connection *connection = context;
    const ConnectionHandler *handler = &connection->group->handler;
    Work *work = connection->work;

    handler->on_message(handler->context, connection, work->data, work->size);
    pthread_mutex_lock(&connection->lock);
    connection->work = NULL;
    if ((connection->pending || connection->read_ended ||
         connection->state != OPEN || buffer_size(&connection->output) > 0) &&
        channel_watch(&connection->channel,
                      connection->channel.events | EPOLLOUT) < 0)
        fail(connection, "epoll_ctl");
    pthread_mutex_unlock(&connection->lock);
    free(work);
}

static void give_to_worker(Connection *connection, const char *data,
                           size_t size)
{
    Work *work = malloc(sizeof(*work) + size);

    if (work == NULL) {
        fail(connection, "message");
        return;
    }
    *work = (Work){
        .task = {.run = do_work, .context = connection},
        .size = size,
    };
    memcpy(work->data, data, size);
    connection->work = work;
    thread_pool_submit(connection->group->workers, &work->task);
}

/* Returns the length of the message it handed up, 0 if there was none. */
static size_t handle_message(Connection *connection, const char *data,
                             size_t size)
{
    const ConnectionHandler *handler = &connection->group->handler;
    const Codec *codec = &connection->group->options->codec;
    ssize_t length =
        codec->find(data, size, connection->scanned, codec->longest);

    connection->scanned = length == CODEC_NOT_YET ? size : 0;
    if (length == CODEC_NOT_YET)
        return 0;
    if (length == CODEC_TOO_LONG) {
        handler->on_too_long(handler->context, connection);
        connection_finish(connection);
        return 0;
    }
    if (connection->group->workers != NULL) {
        give_to_worker(connection, data, (size_t)length);
        return (size_t)length;
    }
    if ((size_t)length < size)
        connection->corked = true;
    handler->on_message(handler->context, connection, data, (size_t)length);
    return (size_t)length;
}

static bool may_handle(const Connection *connection)
{
    return connection->state == OPEN && !connection->paused &&
           connection->work == NULL;
}

/* Hands up message after message. Returns how many bytes they were. */
static size_t handle_messages(Connection *connection, const char *data,
                              size_t size)
{
    int turn = connection->group->options->delay > 0 ? 1 : TURN;
    size_t used = 0;
    size_t length;

    do {
        length = handle_message(connection, data + used, size - used);
        used += length;
        connection->pending = length > 0 && used < size;
    } while (connection->pending && may_handle(connection) && --turn > 0);
    if (connection->corked) {
        connection->corked = false;
        if (!(connection->channel.events & EPOLLOUT))
            flush(connection);
    }
    return used;
}

static void handle_input(Connection *connection)
{
    Buffer *input = &connection->input;

    if (connection->pending && may_handle(connection))
        buffer_consume(input, handle_messages(connection, buffer_front(input),
                                              buffer_size(input)));
}

/*
 * Messages are handed up from where they were read, without a copy; only
 * what is left of them, most often nothing, is kept for later. After the
 * last message, what comes is thrown away.
 */
static void take(Connection *connection, const char *data, size_t size)
{
    bool first = buffer_size(&connection->input) == 0;
    size_t used = 0;

    if (connection->state != OPEN)
        return;
    if (first && may_handle(connection))
        used = handle_messages(connection, data, size);
    else
        connection->pending = true;
    if (used == size)
        return;
    if (buffer_append(&connection->input, data + used, size - used) < 0)
        fail(connection, "input");
    if (!first)
        handle_input(connection);
}

/*
 * A read takes no more than may be held: output up to high water, and one
 * message. What is thrown away is not held.
 */
static size_t read_size(const Connection *connection)
{
    const Options *options = connection->group->options;
    size_t held =
        buffer_size(&connection->input) + buffer_size(&connection->output);
    size_t room = options->high_water + options->codec.longest - held;

    return connection->state == OPEN && room < SCRATCH ? room : SCRATCH;
}

static void handle_readable(Connection *connection)
{
    ssize_t size = read(connection->channel.fd, scratch, read_size(connection));

    if (size > 0)
        take(connection, scratch, (size_t)size);
    else if (size == 0)
        connection->read_ended = true;
    else if (errno != EAGAIN && errno != EINTR)
        fail(connection, "read");
}

static void handle_writable(Connection *connection)
{
    flush(connection);
    handle_input(connection);
}

/* Takes the next steps towards the end, as far as they can be taken. */
static void wind_up(Connection *connection)
{
    connection->pending = false;
    buffer_reset(&connection->input);
    if (connection->state == FINISHING &&
        buffer_size(&connection->output) == 0) {
        connection->state = LINGERING;
        if (!connection->read_ended &&
            shutdown(connection->channel.fd, SHUT_WR) < 0)
            connection->state = ENDED;
    }
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
    bool writing = buffer_size(&connection->output) > 0 ||
                   (connection->pending && connection->work == NULL);

    return (reading && !connection->read_ended ? EPOLLIN : 0u) |
           (writing ? EPOLLOUT : 0u);
}

/* After every event: what is to be done next? */
static void settle(Connection *connection)
{
    if (connection->read_ended && !connection->pending &&
        connection->work == NULL)
        connection_finish(connection);
    if (connection->state != OPEN)
        wind_up(connection);
    if (connection->state != ENDED &&
        channel_watch(&connection->channel, wanted_events(connection)) < 0)
        fail(connection, "epoll_ctl");
    if (connection->state == ENDED && connection->work != NULL)
        channel_watch(&connection->channel, 0);
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
        handle_readable(connection);
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

Connection *connection_create(const ConnectionGroup *group, EventLoop *loop,
                              int fd, const InetAddress *peer)
{
    Connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL) {
        log_error("connection");
        close(fd);
        return NULL;
    }
    channel_init(&connection->channel, event_loop_epoll(loop), fd, handle_event,
                 connection);
    connection->group = group;
    connection->peer = *peer;
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
    fail(connection, "epoll_ctl");
    return -1;
}

/* A lock on Linux is but its memory: there is nothing else to give back. */
void connection_destroy(Connection *connection)
{
    buffer_reset(&connection->input);
    buffer_reset(&connection->output);
    free(connection->work);
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

/*
 * When its loop is not at it already, has it come to it soon: a socket that
 * can be written to says so at once.
 */
static void look_again(Connection *connection)
{
    if (!connection->handling)
        channel_watch(&connection->channel,
                      connection->channel.events | EPOLLOUT);
}

void connection_send(Connection *connection, const void *data, size_t size)
{
    size_t sent = 0;

    pthread_mutex_lock(&connection->lock);
    if (connection->state == OPEN && !connection->corked &&
        buffer_size(&connection->output) == 0)
        sent = write_now(connection, data, size);
    if (connection->state == OPEN && sent < size)
        keep(connection, (const char *)data + sent, size - sent);
    if (connection->state != OPEN || sent < size)
        look_again(connection);
    pthread_mutex_unlock(&connection->lock);
}

void connection_finish(Connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    if (connection->state == OPEN)
        connection->state = FINISHING;
    look_again(connection);
    pthread_mutex_unlock(&connection->lock);
}
