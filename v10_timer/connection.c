#include "connection.h"
#include "buffer.h"
#include "log.h"
#include "socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* One for each thread; what is left of it is copied before the next read. */
enum { SCRATCH = 256 * 1024 };
static _Thread_local char scratch[SCRATCH];

/* So many messages of one client, then it is the others' turn. */
enum { TURN = 1024 };

/* How long a client may take to hang up, in milliseconds, also if it sends. */
enum { LINGER = 30000 };

/*
 * The kernel counts a connection's idle time in ticks of its clock, at most
 * so many milliseconds long.
 */
enum { CLOCK_TICK = 20 };
static const int64_t MILLISECOND = 1000000;

/* At most so many reads for what has come when the server is to stop. */
enum { LAST_READS = 64 };

typedef enum State {
    OPEN, /* messages are taken and answered */
    FINISHING, /* no more are taken; the replies are on their way out */
    LINGERING, /* our end of file is out, the client's has not come */
    ENDED /* nothing more can be done */
} State;

static void finish_work(void *context);

/* A message on its way to a worker, and the reply on its way back. */
typedef struct Work {
    Task task;
    Buffer reply;
    bool failed; /* there was no memory for the reply */
    bool finished; /* the handler has finished the connection */
    size_t size;
    char data[];
} Work;

struct Connection {
    Channel channel;
    ConnectionGroup *group;
    Buffer input; /* read and not handled */
    Buffer output; /* sent and not taken by the kernel */
    size_t scanned; /* so much of the input holds no message's end */
    State state;
    Reason reason; /* for which it is closed */
    bool read_ended; /* the client has sent end of file */
    bool paused; /* from high water until output falls to half of it */
    bool pending; /* whole messages may be waiting in the input */
    bool handling; /* it is being handled; it is settled after that */
    bool corked; /* more messages are at hand: gather their replies */
    bool draining; /* nothing more is read but what has come already */
    bool queued; /* task waits in the loop's queue */
    bool written; /* the handler is to be told that all is out */
    Task task;
    Timer idle; /* when to look whether anything has moved */
    Work *work; /* the message that a worker has; NULL: none */
    InetAddress peer;
};

/* The first reason counts. */
static void end(Connection *connection, Reason reason)
{
    if (connection->state == OPEN)
        connection->reason = reason;
    connection->state = ENDED;
}

/* That a client has gone away is no news; any other failure is. */
static void fail(Connection *connection, const char *call)
{
    char text[INET_ADDRESS_TEXT];

    end(connection, FAILED);
    if (connection->group->options->verbose ||
        (errno != ECONNRESET && errno != EPIPE))
        log_error("%s %s", call, inet_address_format(&connection->peer, text));
}

static void finish(Connection *connection, Reason reason)
{
    if (connection->state != OPEN)
        return;
    connection->state = FINISHING;
    connection->reason = reason;
}

/* Has do_later called after the callbacks in hand. */
static void queue_later(Connection *connection)
{
    if (connection->queued)
        return;
    connection->queued = true;
    event_loop_queue_in_loop(connection->group->loop, &connection->task);
}

static void note_written(Connection *connection)
{
    if (connection->group->handler.on_write_complete == NULL)
        return;
    connection->written = true;
    queue_later(connection);
}

/* Hands the kernel what it will take. Returns how much that was. */
static size_t write_now(Connection *connection, const void *data, size_t size)
{
    ssize_t written = write(connection->channel.fd, data, size);

    if (written >= 0) {
        connection->group->statistics.bytes_out += (size_t)written;
        return (size_t)written;
    }
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
    if (buffer_size(output) < connection->group->options->high_water)
        return;
    if (!connection->paused)
        connection->group->statistics.pauses++;
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
    if (buffer_size(output) == 0)
        note_written(connection);
}

/* By a worker: the connection is not its own, but the work is. */
static void do_work(void *context)
{
    Connection *connection = context;
    const ConnectionHandler *handler = &connection->group->handler;
    Work *work = connection->work;

    handler->on_message(handler->context, connection, work->data, work->size);
    work->task.run = finish_work;
    event_loop_queue_in_loop(connection->group->loop, &work->task);
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
        finish(connection, LIMIT);
        return 0;
    }
    connection->group->statistics.messages_in++;
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

/* Returns whether there may be more to read. */
static bool handle_readable(Connection *connection)
{
    ssize_t size = read(connection->channel.fd, scratch, read_size(connection));

    if (size > 0)
        connection->group->statistics.bytes_in += (size_t)size;
    if (size > 0)
        take(connection, scratch, (size_t)size);
    else if (size == 0)
        connection->read_ended = true;
    else if (errno != EAGAIN && errno != EINTR)
        fail(connection, "read");
    return size > 0;
}

static void handle_writable(Connection *connection)
{
    flush(connection);
    handle_input(connection);
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

static int set_idle(Connection *connection, unsigned milliseconds)
{
    return timer_queue_set(event_loop_timers(connection->group->loop),
                           &connection->idle,
                           timer_queue_now() + milliseconds * MILLISECOND);
}

/* From now on it is no longer about what it says, only about its leaving. */
static void set_linger(Connection *connection)
{
    unsigned limit = connection->group->options->idle;

    if (limit == 0 || limit > LINGER)
        limit = LINGER;
    if (set_idle(connection, limit + CLOCK_TICK) < 0)
        connection->state = ENDED;
}

/* Takes the next steps towards the end, as far as they can be taken. */
static void wind_up(Connection *connection)
{
    bool quiet = connection->draining && is_quiet(connection);

    connection->pending = false;
    buffer_reset(&connection->input);
    if (connection->state == FINISHING &&
        buffer_size(&connection->output) == 0) {
        connection->state = LINGERING;
        if (!connection->read_ended)
            set_linger(connection);
        if (!connection->read_ended &&
            shutdown(connection->channel.fd, SHUT_WR) < 0)
            connection->state = ENDED;
    }
    if (connection->state == LINGERING && (connection->read_ended || quiet))
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
        (!connection->paused && !connection->pending && !connection->draining);
    bool writing = buffer_size(&connection->output) > 0 ||
                   (connection->pending && connection->work == NULL);

    return (reading && !connection->read_ended ? EPOLLIN : 0u) |
           (writing ? EPOLLOUT : 0u);
}

/* After every event: what is to be done next? */
static void settle(Connection *connection)
{
    bool talks_on = connection->group->handler.talks_on;

    if (((connection->read_ended && !talks_on) || connection->draining) &&
        !connection->pending && connection->work == NULL)
        finish(connection, connection->read_ended ? BY_PEER : DRAINED);
    if (connection->state != OPEN)
        wind_up(connection);
    if (connection->state != ENDED &&
        channel_watch(&connection->channel, wanted_events(connection)) < 0)
        fail(connection, "epoll_ctl");
    if (connection->state == ENDED && connection->work != NULL)
        channel_watch(&connection->channel, 0);
    else if (connection->state == ENDED)
        queue_later(connection);
}

/* Frees it, if it has ended: no event of this batch is left for it. */
static void do_later(void *context)
{
    Connection *connection = context;
    const ConnectionHandler *handler = &connection->group->handler;

    connection->queued = false;
    if (connection->state == ENDED && connection->work == NULL) {
        connection->group->statistics.closed[connection->reason]++;
        connection->group->on_ended(connection->group->owner, connection);
        return;
    }
    connection->handling = true;
    if (connection->written && connection->state == OPEN) {
        connection->written = false;
        handler->on_write_complete(handler->context, connection);
    }
    settle(connection);
    connection->handling = false;
}

/* The worker is done: its reply goes out, the next message may go in. */
static void finish_work(void *context)
{
    Connection *connection = context;
    Work *work = connection->work;

    connection->work = NULL;
    connection->handling = true;
    if (work->failed)
        fail(connection, "output");
    if (buffer_size(&work->reply) > 0)
        connection_send(connection, buffer_front(&work->reply),
                        buffer_size(&work->reply));
    if (work->finished)
        connection_finish(connection);
    buffer_reset(&work->reply);
    free(work);
    handle_input(connection);
    settle(connection);
    connection->handling = false;
}

/* An error alone shows in whichever call is tried next. */
static void handle_event(void *context)
{
    Connection *connection = context;
    uint32_t ready = connection->channel.ready;

    if (connection->state == ENDED)
        return;
    connection->handling = true;
    if (!(ready & (EPOLLIN | EPOLLOUT)))
        ready = connection->channel.events;
    if (ready & EPOLLOUT)
        handle_writable(connection);
    if (ready & EPOLLIN && connection->state != ENDED)
        handle_readable(connection);
    settle(connection);
    connection->handling = false;
}

Connection *connection_create(ConnectionGroup *group, int fd,
                              const InetAddress *peer)
{
    Connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL) {
        log_error("connection");
        close(fd);
        return NULL;
    }
    channel_init(&connection->channel, event_loop_epoll(group->loop), fd,
                 handle_event, connection);
    connection->group = group;
    connection->peer = *peer;
    return connection;
}

/* It is the server's turn: to read, or to handle what was read. */
static bool is_waited_for(const Connection *connection)
{
    int unread = 0;

    if (connection->work != NULL)
        return true;
    if (connection->paused || connection->state != OPEN)
        return false;
    ioctl(connection->channel.fd, FIONREAD, &unread);
    return connection->pending || unread > 0;
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

    if (!lingering && idle < limit && set_idle(connection, limit - idle) == 0)
        return;
    end(connection, IDLE);
    settle(connection);
}

static int start_idle(Connection *connection)
{
    unsigned limit = connection->group->options->idle;

    connection->idle = (Timer){.on_due = handle_idle, .context = connection};
    return limit == 0 ? 0 : set_idle(connection, limit + CLOCK_TICK);
}

static void open_in_loop(void *context)
{
    Connection *connection = context;
    ConnectionGroup *group = connection->group;

    connection->task.run = do_later;
    group->statistics.accepted++;
    if (group->on_opened(group->owner, connection) < 0 ||
        start_idle(connection) < 0)
        fail(connection, "open");
    else if (group->handler.on_open != NULL)
        group->handler.on_open(group->handler.context, connection);
    settle(connection);
}

void connection_open(Connection *connection)
{
    connection->task = (Task){.run = open_in_loop, .context = connection};
    event_loop_run_in_loop(connection->group->loop, &connection->task);
}

void connection_destroy(Connection *connection)
{
    buffer_reset(&connection->input);
    buffer_reset(&connection->output);
    if (connection->work != NULL)
        buffer_reset(&connection->work->reply);
    free(connection->work);
    timer_queue_clear(event_loop_timers(connection->group->loop),
                      &connection->idle);
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

/* By a worker: the reply is kept with the work until that is back. */
static void send_by_worker(Work *work, const void *data, size_t size)
{
    if (buffer_append(&work->reply, data, size) < 0)
        work->failed = true;
}

/* When its loop is not at it already, has it come to it soon. */
static void look_again(Connection *connection)
{
    if (!connection->handling)
        queue_later(connection);
}

void connection_send(Connection *connection, const void *data, size_t size)
{
    Work *work = connection->work;
    size_t sent = 0;

    if (work != NULL && !event_loop_is_here(connection->group->loop)) {
        send_by_worker(work, data, size);
        return;
    }
    connection->group->statistics.messages_out += connection->state == OPEN;
    if (connection->state == OPEN && !connection->corked &&
        buffer_size(&connection->output) == 0)
        sent = write_now(connection, data, size);
    if (connection->state == OPEN && sent < size)
        keep(connection, (const char *)data + sent, size - sent);
    else if (connection->state == OPEN)
        note_written(connection);
    if (connection->state != OPEN || sent < size)
        look_again(connection);
}

void connection_finish(Connection *connection)
{
    Work *work = connection->work;

    if (work != NULL && !event_loop_is_here(connection->group->loop))
        work->finished = true;
    else if (connection->state == OPEN) {
        finish(connection, BY_SERVER);
        look_again(connection);
    }
}

/* A client may send for ever; what it sends now is not waited for. */
void connection_drain(Connection *connection)
{
    int reads = LAST_READS;

    while (connection->state == OPEN && wanted_events(connection) & EPOLLIN &&
           handle_readable(connection) && --reads > 0)
        ;
    connection->draining = true;
    settle(connection);
}
