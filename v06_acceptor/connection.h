/*
 * Connection: one client, from accept to close.
 *
 * It owns its descriptor and all that it holds. When it has ended, its group
 * is told, which destroys it. Used by its loop's thread alone.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "event_loop.h"
#include "options.h"

typedef struct Connection Connection;

/* What to do with messages. The functions are called by the loop's thread. */
typedef struct ConnectionHandler {
    /* A message has come: what one read brought. Valid until this returns. */
    void (*on_message)(void *context, Connection *connection, const char *data,
                       size_t size);
    void *context;
} ConnectionHandler;

/* What a server's connections have in common. It outlives them. */
typedef struct ConnectionGroup {
    const Options *options;
    ConnectionHandler handler;
    /* The connection has ended: take it off the books and destroy it. */
    void (*on_ended)(void *owner, Connection *connection);
    void *owner;
} ConnectionGroup;

/*
 * Owns fd from now on. Returns NULL when there is no memory; then that has
 * been said, and fd is closed.
 */
Connection *connection_create(ConnectionGroup *group, EventLoop *loop, int fd,
                              const InetAddress *peer);

/*
 * Starts to serve it. Returns 0, or -1 when the kernel can't watch it; then
 * that has been said, and it is to be destroyed.
 */
int connection_open(Connection *connection);

/* Closes and frees it as it stands. */
void connection_destroy(Connection *connection);

int connection_fd(const Connection *connection);
const InetAddress *connection_peer(const Connection *connection);

/*
 * Sends bytes, and waits until the kernel has taken all of them; everybody
 * else waits too. If that fails, or a signal comes meanwhile, the connection
 * ends.
 */
void connection_send(Connection *connection, const void *data, size_t size);

#endif
