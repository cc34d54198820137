/*
 * What the files of Connection share. Nobody else includes this.
 *
 * connection.c         its life: events, what to do next, the end
 * connection_input.c   from the socket to the handler
 * connection_output.c  from the handler to the socket
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

struct Connection {
    Channel channel;
    ConnectionGroup *group;
    Buffer input; /* read and not handled */
    Buffer output; /* sent and not taken by the kernel */
    size_t scanned; /* so much of the input holds no message's end */
    State state : 8;
    bool read_ended : 1; /* the client has sent end of file */
    bool paused : 1; /* from high water until output falls to half of it */
    bool pending : 1; /* whole messages may be waiting in the input */
    bool handling : 1; /* it is being handled; it is settled after that */
    bool corked : 1; /* more messages are at hand: gather their replies */
    InetAddress peer;
};

/* No message is handed up but when this is true. */
static inline bool connection_may_handle(const Connection *connection)
{
    return connection->state == OPEN && !connection->paused;
}

/* Ends it after a call has failed, which is said. */
void connection_fail(Connection *connection, const char *call);

/* When its loop is not at it already, has it come to it soon. */
void connection_look_again(Connection *connection);

/* Reads what has come, and hands up what messages there are. */
void connection_read(Connection *connection);

/* Hands up what messages there are in the input. */
void connection_handle_input(Connection *connection);

/* Hands the kernel what it will take of the output. */
void connection_flush(Connection *connection);

#endif
