/*
 * Connection's work: a message goes to a worker, and the worker's answer
 * comes back. A connection gives away one message at a time; the next ones
 * wait in its input, so replies keep the order of the messages.
 */
#ifndef CONNECTION_WORK_H
#define CONNECTION_WORK_H

#include "connection_state.h"

/*
 * Let workers call the group's on_message. on_done is called, with the
 * connection, after each message that a worker has handled.
 */
void connection_work_init(ConnectionGroup *group, ThreadPool *workers,
                          void (*on_done)(void *connection));

/* Free the message that a worker had. */
void connection_work_free(Connection *connection);

/* Free a message that no worker will take any more. */
void connection_work_drop(Connection *connection);

#endif
