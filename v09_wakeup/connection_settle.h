/*
 * Connection's next steps: which events to wait for, when to finish, when to
 * close. They follow from the state, whatever has changed it.
 * connection_state.h says who may call these functions.
 */
#ifndef CONNECTION_SETTLE_H
#define CONNECTION_SETTLE_H

#include "connection_state.h"

/*
 * Do what follows from the state. connection.c calls it as the last step; then
 * no connection is in hand any more.
 */
void connection_settle(Connection *connection);

/* Return whether connection_settle would change nothing. */
bool connection_is_settled(const Connection *connection);

/* Return how many bytes have come and are not read yet. */
int connection_count_unread(const Connection *connection);

#endif
