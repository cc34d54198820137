/*
 * What the files of Connection share. Nobody else includes this.
 *
 * connection.c         its life: events, what to do next, the end
 * connection_input.c   from the socket to the handler
 * connection_output.c  from the handler to the socket
 */
#ifndef CONNECTION_STATE_H
#define CONNECTION_STATE_H

#include "connection.h"

typedef enum State {
    OPEN, /* messages are taken and answered */
    ENDED /* nothing more can be done */
} State;

struct Connection {
    Channel channel;
    ConnectionGroup *group;
    EventLoop *loop;
    State state;
    InetAddress peer;
};

/* Ends it after a call has failed, which is said. */
void connection_fail(Connection *connection, const char *call);

/* Reads what has come, and hands up what messages there are. */
void connection_read(Connection *connection);

#endif
