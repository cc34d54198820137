/*
 * Connection's post: what another thread, or another connection's callback,
 * asks of a connection: to send, finish or abort. It travels to the
 * connection's loop as a task. The queue keeps the order of the posts.
 */
#ifndef CONNECTION_POST_H
#define CONNECTION_POST_H

#include "connection_state.h"

typedef struct Post {
    Task task;
    Connection *connection;
    bool from_own_thread; /* true if the loop's own thread sent it */
    size_t size;
    char data[];
} Post;

/*
 * Return whether the caller may change the connection itself: it is inside a
 * callback for this connection, on its loop's thread, and none of its earlier
 * posts waits. Any thread may call it.
 */
static inline bool connection_is_in_hand(const Connection *connection)
{
    return connection == connection_current && connection->posts == 0;
}

/*
 * Queue a post, with a copy of the data, on the connection's loop. Without
 * memory, say so and end the connection. Any thread may call it.
 */
void connection_post(Connection *connection, void (*run)(void *post),
                     const void *data, size_t size);

/* Free a post that has been carried out. On the loop's thread. */
void connection_post_free(Post *post);

#endif
