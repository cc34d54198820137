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
 * Look again when the rest of the timeout has passed. Return false if the
 * connection has been idle for the whole of it, or can't be looked at again.
 */
bool connection_idle_continue(Connection *connection);

/*
 * From now on the client has a limited time to leave, even if it sends.
 * Return 0, or -1 with errno set when there is no memory.
 */
int connection_idle_linger(Connection *connection);

void connection_idle_stop(Connection *connection);

#endif
