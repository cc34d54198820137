/*
 * Connection: one client, from accept to close.
 *
 * A connection owns its descriptor and all that it holds. It frees itself
 * when it has ended, after on_close.
 *
 * A program uses a connection only in that connection's own callbacks.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "connection_group.h"
#include "inet_address.h"

/*
 * Send bytes: wait until the kernel has taken all of them. All other clients
 * wait, too. If sending fails, the connection ends.
 */
void connection_send(Connection *connection, const void *data, size_t size);

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
