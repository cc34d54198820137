/*
 * Connection's state, and the small steps from one state to the next.
 *
 * The files of Connection are a ladder: each calls only those listed before
 * it. The list begins with the lowest.
 *
 * connection_state.c   the state, and how a connection ends
 * connection_output.c  from the program to the socket
 * connection_input.c   from the socket to the program
 * connection_work.c    to a worker, and back
 * connection_settle.c  what follows from the state
 * connection.c         every entry from outside
 *
 * Only these files include this header. Only the loop's thread calls their
 * functions, unless a header says otherwise, and it holds the connection's
 * lock. Other threads may call those of connection_state and
 * connection_output, with the lock.
 *
 * The order of locks: a program's own lock, a connection's lock, any other.
 * No thread holds the locks of two connections, and none holds a connection's
 * lock while a callback runs: else two connections whose messages go to each
 * other would wait for each other for ever.
 */
#ifndef CONNECTION_STATE_H
#define CONNECTION_STATE_H

#include "buffer.h"
#include "connection_group.h"
#include "inet_address.h"

#include <pthread.h>

typedef enum State {
    OPEN, /* messages are taken and answered */
    FINISHING, /* no message is taken; replies are on their way out */
    LINGERING, /* our end of file is sent; the client's has not come */
    ENDED /* nothing is left to do but to close */
} State;

/* A message that a worker has. */
typedef struct Work {
    Task task;
    bool started; /* false while the task waits for a worker */
    size_t size;
    char data[];
} Work;

struct Connection {
    Channel channel;
    ConnectionGroup *group;
    Connection *next; /* in the group's list */
    Connection *previous;
    InetAddress peer;
    void *data; /* the program's */
    bool opened; /* on_open was called; only the loop uses it */
    pthread_mutex_t lock; /* guards the fields below, and channel.events */
    Task task; /* comes back to the connection after the events in hand */
    Buffer input; /* bytes that were read and not handled */
    Buffer output; /* bytes that were sent and not taken by the kernel */
    size_t scanned; /* bytes of the input that hold no end of a message */
    State state : 8;
    bool read_ended : 1; /* the client has sent end of file */
    bool paused : 1; /* from the high-water mark until half of it is left */
    bool pending : 1; /* whole messages may wait in the input */
    bool corked : 1; /* more bytes follow: gather them, send nothing yet */
    bool queued : 1; /* task waits in the loop's queue */
    bool owes_high_water : 1; /* on_high_water is to be called */
    Work *work; /* the message that a worker has; NULL: none */
};

/*
 * The connection that this thread handles now; NULL: none. connection.c sets
 * it when an event or a task begins, and settles this connection at the end:
 * it calls connection_settle, which does what follows from the new state.
 */
extern _Thread_local Connection *connection_current;

/* Return whether a message may be handed to the program now. */
static inline bool connection_may_handle(const Connection *connection)
{
    return connection->state == OPEN && !connection->paused &&
           connection->work == NULL;
}

/* End the connection. */
void connection_end(Connection *connection);

/* End the connection because something failed, with errno; say so. */
void connection_fail(Connection *connection, const char *what);

/* Take no more messages; what was sent still goes out. */
void connection_take_no_more(Connection *connection);

/* Queue the connection's task, unless it is queued already. */
void connection_queue(Connection *connection);

/*
 * A connection was changed: if it is not the one in hand, settle it later.
 * Its loop may wait on another thread: EPOLLOUT wakes the loop as soon as the
 * socket can be written to.
 */
static inline void connection_look_again(Connection *connection)
{
    uint32_t events = connection->channel.events | EPOLLOUT;

    if (connection != connection_current &&
        channel_watch(&connection->channel, events) < 0)
        connection_queue(connection); /* slower, but needs no memory */
}

#endif
