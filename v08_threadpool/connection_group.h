/*
 * ConnectionHandler: what a program does with its connections.
 * ConnectionGroup: the connections of one loop, and what they have in common.
 *
 * A program fills in a ConnectionHandler. TcpServer fills in the groups.
 */
#ifndef CONNECTION_GROUP_H
#define CONNECTION_GROUP_H

#include "codec.h"
#include "event_loop.h"
#include "thread_pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct Connection Connection;

/*
 * Only on_message must be there; any other callback may be NULL. The loop's
 * thread calls them, never one inside another. With workers, a worker calls
 * on_message; meanwhile the loop's thread may call on_high_water for the same
 * connection, but no other callback.
 */
typedef struct ConnectionHandler {
    Codec codec; /* where a message ends */
    bool slow; /* true if the callbacks may take long */
    const char *refusal; /* text for a client too many; NULL: none */
    /* The first callback for a connection, and called once. */
    void (*on_open)(void *context, Connection *connection);
    /*
     * A whole message has come, with its header or newline. data is valid
     * until on_message returns.
     */
    void (*on_message)(void *context, Connection *connection, const char *data,
                       size_t size);
    /*
     * A message is longer than the codec allows; the connection finishes
     * after this callback. NULL: say so on standard error.
     */
    void (*on_too_long)(void *context, Connection *connection);
    /*
     * The output has reached the high-water mark: the client reads too
     * slowly. In any case the output is kept, and nothing is read from the
     * client until half of the mark is left. The callback may do more, such
     * as connection_abort. NULL: do no more.
     */
    void (*on_high_water)(void *context, Connection *connection);
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
    char *scratch; /* where a read puts its bytes, CODEC_RAW_LONGEST at most */
    bool verbose; /* say who comes and goes */
    size_t high_water; /* bytes of output at which reading stops */
    ThreadPool *workers; /* NULL: the loop's thread calls on_message */
    /* The callback for the workers. */
    void (*program_on_message)(void *context, Connection *connection,
                               const char *data, size_t size);
    void (*on_work_done)(void *connection); /* on the worker's thread */
    void (*on_closed)(void *owner); /* a connection of the group is gone */
    void *owner;
    pthread_mutex_t lock; /* guards first, and the list behind it */
    Connection *first; /* of the list of all open connections */
} ConnectionGroup;

#endif
