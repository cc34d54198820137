/*
 * ConnectionHandler: what a program does with its connections.
 * ConnectionGroup: the connections of one loop, and what they have in common.
 *
 * A program fills in a ConnectionHandler. TcpServer fills in the group.
 */
#ifndef CONNECTION_GROUP_H
#define CONNECTION_GROUP_H

#include "event_loop.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct Connection Connection;

/*
 * Only on_message must be there; any other callback may be NULL. No callback
 * is called from inside another one.
 */
typedef struct ConnectionHandler {
    const char *refusal; /* text for a client too many; NULL: none */
    /* The first callback for a connection, and called once. */
    void (*on_open)(void *context, Connection *connection);
    /*
     * Bytes have come: what one read brought. data is valid until on_message
     * returns.
     */
    void (*on_message)(void *context, Connection *connection, const char *data,
                       size_t size);
    /*
     * The last callback for a connection, and called once, whatever the
     * reason. When it has returned, the connection is gone.
     */
    void (*on_close)(void *context, Connection *connection);
    void *context; /* handed to each callback */
} ConnectionHandler;

typedef struct ConnectionGroup {
    EventLoop *loop;
    ConnectionHandler handler;
    bool verbose; /* say who comes and goes */
    void (*on_closed)(void *owner); /* a connection of the group is gone */
    void *owner;
    Connection *first; /* of the list of all open connections */
} ConnectionGroup;

#endif
