/*
 * Connection's idle timeout: it tells how long no byte has moved. A message
 * costs nothing here, because the kernel notes when it last sent and received.
 * Only the loop's thread calls these functions.
 */
#ifndef CONNECTION_IDLE_H
#define CONNECTION_IDLE_H

#include "connection_state.h"

/*
 * Have on_timer called when the idle timeout may have passed. Return 0, or -1
 * with errno set when there is no memory.
 */
int connection_idle_start(Connection *connection,
                          void (*on_timer)(void *connection));

/*
 * The timer has gone off: look whether a byte has moved, or whether the server
 * has something to do. If so, set the timer for the rest of the timeout and
 * return true. Return false if the connection has been idle for all of it.
 */
bool connection_idle_recheck(Connection *connection);

/*
 * Give the client the idle timeout, but at most 30 seconds, to leave, even if
 * it sends. Return 0, or -1 with errno set when there is no memory.
 */
int connection_idle_linger(Connection *connection);

/* Clear the timer. */
void connection_idle_stop(Connection *connection);

#endif
