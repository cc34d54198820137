/*
 * Connection: one client, from accept to close.
 *
 * It owns its descriptor and all that it holds. When it has ended, its group
 * is told, which destroys it. Used by its loop's thread alone.
 *
 * But another thread may create and open it; and a worker that has a message
 * of it may ask for the peer, send, and finish.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "codec.h"
#include "event_loop.h"
#include "options.h"
#include "thread_pool.h"

typedef struct Connection Connection;

/*
 * What to do with messages. The functions are called by the loop's thread or,
 * where there are workers, on_message by one of them; never by two threads at
 * once for one connection. What need not be is NULL.
 */
typedef struct ConnectionHandler {
    Codec codec; /* what a message is */
    /* The connection is there. */
    void (*on_open)(void *context, Connection *connection);
    /*
     * A message has come whole, header and newline included. data is valid
     * until this returns.
     */
    void (*on_message)(void *context, Connection *connection, const char *data,
                       size_t size);
    /* A message is longer than it may be. The connection finishes after it. */
    void (*on_too_long)(void *context, Connection *connection);
    /*
     * All that was sent has been taken by the kernel. Never called from
     * inside another callback, so it may send again at once.
     */
    void (*on_write_complete)(void *context, Connection *connection);
    bool talks_on; /* also after the client's end of file */
    void *context;
} ConnectionHandler;

/* What a loop's connections have in common. It outlives them. */
typedef struct ConnectionGroup {
    EventLoop *loop;
    const Options *options;
    ThreadPool *workers; /* NULL: the loop's thread handles messages */
    ConnectionHandler handler;
    /* The connection opens: put it on the books. -1: it can't be. */
    int (*on_opened)(void *owner, Connection *connection);
    /* The connection has ended: take it off the books and destroy it. */
    void (*on_ended)(void *owner, Connection *connection);
    void *owner;
} ConnectionGroup;

/*
 * Owns fd from now on. Returns NULL when there is no memory; then that has
 * been said, and fd is closed.
 */
Connection *connection_create(ConnectionGroup *group, int fd,
                              const InetAddress *peer);

/* Starts to serve it, on its loop's thread. Any thread may call it. */
void connection_open(Connection *connection);

/* Closes and frees it as it stands. */
void connection_destroy(Connection *connection);

int connection_fd(const Connection *connection);
const InetAddress *connection_peer(const Connection *connection);

/*
 * Sends bytes after those sent before. What the kernel does not take at once
 * is kept and follows when it can; if that fails the connection ends. After
 * connection_finish nothing more is sent.
 */
void connection_send(Connection *connection, const void *data, size_t size);

/*
 * Takes no more messages. The connection closes when all that was sent is
 * out and the client has ended its side too: closing sooner, with bytes
 * unread, would reset it and destroy replies on their way (RFC 9293, 3.6.1).
 */
void connection_finish(Connection *connection);

/* Answers what has come already, then finishes. */
void connection_drain(Connection *connection);

#endif
