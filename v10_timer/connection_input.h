/*
 * Connection's input: from the socket to the program. connection_state.h says
 * who may call these functions.
 */
#ifndef CONNECTION_INPUT_H
#define CONNECTION_INPUT_H

#include "connection_state.h"

/* Read once, and hand the whole messages to the program. */
void connection_input_read(Connection *connection);

/* Hand the whole messages that wait in the input to the program. */
void connection_input_handle(Connection *connection);

#endif
