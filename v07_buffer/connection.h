/*
 * Connection: one client, from accept to close.
 *
 * A connection owns its descriptor and all that it holds. It frees itself
 * when it has ended, after on_close.
 *
 * A pointer to a connection may be used until on_close has returned for it,
 * also in the callbacks of other connections. A program that keeps pointers
 * removes them in on_close.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "connection_group.h"
#include "inet_address.h"

/*
 * Send bytes after those sent before. What the kernel does not take at once
 * is kept, and follows when it can. If sending fails, the connection ends.
 * Bytes sent after connection_finish are dropped.
 */
void connection_send(Connection *connection, const void *data, size_t size);

/*
 * Take no more messages. The connection closes when all that was sent is out
 * and the client has ended its side too: closing sooner, with bytes unread,
 * would reset it and destroy replies on their way (RFC 9293, 3.6.1).
 */
void connection_finish(Connection *connection);

/* Close the connection at once. What was not sent yet is lost. */
void connection_abort(Connection *connection);

/* Set and return the program's own pointer; it is NULL at first. */
void connection_set_data(Connection *connection, void *data);
void *connection_data(const Connection *connection);

const InetAddress *connection_peer(const Connection *connection);

/* TcpServer calls the functions from here on. */

/*
 * Create a connection of the group, which owns fd, and open it. Return 0, or
 * -1 after saying what failed and closing fd.
 */
int connection_open(ConnectionGroup *group, int fd, const InetAddress *peer);

/* Close all connections as they stand. The loop must not run any more. */
void connection_close_all(ConnectionGroup *group);

#endif
