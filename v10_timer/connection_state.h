/*
 * What the files of Connection share. Nobody else includes this.
 *
 * connection.c         its life: events, what to do next, the end
 * connection_input.c   from the socket to the handler
 * connection_output.c  from the handler to the socket
 * connection_work.c    to a worker, and back
 * connection_idle.c    how long nothing has moved
 */
#ifndef CONNECTION_STATE_H
#define CONNECTION_STATE_H

#include "buffer.h"
#include "connection.h"

typedef enum State {
    OPEN, /* messages are taken and answered */
    FINISHING, /* no more are taken; the replies are on their way out */
    LINGERING, /* our end of file is out, the client's has not come */
    ENDED /* nothing more can be done */
} State;

typedef struct Work Work;

struct Connection {
    Channel channel;
    ConnectionGroup *group;
    Buffer input; /* read and not handled */
    Buffer output; /* sent and not taken by the kernel */
    size_t scanned; /* so much of the input holds no message's end */
    State state : 8;
    Reason reason : 8; /* for which it is closed */
    bool read_ended : 1; /* the client has sent end of file */
    bool paused : 1; /* from high water until output falls to half of it */
    bool pending : 1; /* whole messages may be waiting in the input */
    bool handling : 1; /* it is being handled; it is settled after that */
    bool corked : 1; /* more messages are at hand: gather their replies */
    bool drained : 1; /* nothing more is read: the server stops */
    bool queued : 1; /* task waits in the loop's queue */
    bool written : 1; /* the handler is to be told that all is out */
    unsigned rest; /* so much had come when it was to drain: read that yet */
    Task task;
    Work *work; /* the message that a worker has; NULL: none */
    Timer idle; /* when to look whether anything has moved */
    InetAddress peer;
};

/* No message is handed up but when this is true. */
static inline bool connection_may_handle(const Connection *connection)
{
    return connection->state == OPEN && !connection->paused &&
           connection->work == NULL;
}

/* Ends it; what counts is the first reason. */
void connection_end(Connection *connection, Reason reason);

/* The same after a call has failed, which is said. */
void connection_fail(Connection *connection, const char *call);

/* Takes no more messages; what has been sent still goes out. */
void connection_finish_for(Connection *connection, Reason reason);

/* Has its loop come to it after the callbacks in hand. */
void connection_queue(Connection *connection);

/* When its loop is not at it already, has it come to it soon. */
static inline void connection_look_again(Connection *connection)
{
    if (!connection->handling)
        connection_queue(connection);
}

/* To be called after anything was done to it: sees to what is to come. */
void connection_settle(Connection *connection);

/* Reads what has come, and hands up what messages there are. */
void connection_read(Connection *connection);

/* Hands up what messages there are in the input. */
void connection_handle_input(Connection *connection);

/* Hands the kernel what it will take of the output. */
void connection_flush(Connection *connection);

/* Takes a reply over from whoever gathered it, and sends it. */
void connection_send_buffer(Connection *connection, Buffer *reply);

/* Has a worker handle a message. */
void connection_give_to_worker(Connection *connection, const char *data,
                               size_t size);

/* How much the message is that a worker has; NULL: none. */
size_t connection_work_size(const Work *work);

/* By the worker: what is to be done when the work is back. */
void connection_work_send(Work *work, const void *data, size_t size);
void connection_work_finish(Work *work);

void connection_work_destroy(Work *work);

/* Starts to look whether it is idle. Returns 0, or -1: there is no memory. */
int connection_idle_start(Connection *connection);

/* From now on it has only so long to leave, whatever it says. */
int connection_idle_linger(Connection *connection);

#endif
