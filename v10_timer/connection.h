/*
 * Connection: one client, from accept to close.
 *
 * A connection owns its descriptor and all that it holds. It frees itself
 * when it has ended, after on_close.
 *
 * Any thread may call the functions for programs: a connection belongs to
 * its loop's thread, and what another thread asks for is queued there. A
 * pointer to a connection may be used until on_close has returned for it. A
 * program that keeps pointers removes them in on_close, under its own lock.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "connection_group.h"
#include "inet_address.h"

/*
 * Send bytes after those sent before. The bytes of one call stay together,
 * and the calls of one thread stay in order. What the kernel does not take at
 * once is kept, and follows when it can. If sending fails, the connection
 * ends. Bytes sent after connection_finish are dropped.
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

/* TcpServer's reactors call the functions from here on. */

/* Let workers call the group's on_message, before any connection opens. */
void connection_use_workers(ConnectionGroup *group, ThreadPool *workers);

/*
 * Create a connection of the group; it owns fd, and is opened on its loop.
 * Return 0, or -1 after saying that there is no memory and closing fd. Any
 * thread may call it.
 */
int connection_open(ConnectionGroup *group, int fd, const InetAddress *peer);

/*
 * Make each connection answer what has come, and close as soon as its client
 * has all replies. No event tells when a client has its last byte: call this
 * again and again, until no connection is left.
 */
void connection_drain_all(ConnectionGroup *group);

/*
 * Close all connections as they stand. Neither the loop nor a worker may run;
 * the calling thread stands in for the loop's.
 */
void connection_close_all(ConnectionGroup *group);

#endif
