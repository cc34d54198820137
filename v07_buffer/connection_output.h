/*
 * Connection's output: from the program to the socket. connection_state.h
 * says who may call these functions.
 */
#ifndef CONNECTION_OUTPUT_H
#define CONNECTION_OUTPUT_H

#include "connection_state.h"

/*
 * Send bytes: write them at once if nothing waits before them, and keep what
 * the kernel does not take. If that fails, the connection ends.
 */
void connection_output_send(Connection *connection, const void *data,
                            size_t size);

/* Hand the kernel as much of the kept output as it takes. */
void connection_output_flush(Connection *connection);

#endif
