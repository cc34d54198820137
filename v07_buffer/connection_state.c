#include "connection_state.h"
#include "log.h"

#include <errno.h>

Connection *connection_current;

void connection_end(Connection *connection)
{
    connection->state = ENDED;
}

/* A client that goes away is no news; any other failure is. */
void connection_fail(Connection *connection, const char *what)
{
    char text[INET_ADDRESS_TEXT];

    connection_end(connection);
    if (connection->group->verbose || (errno != ECONNRESET && errno != EPIPE))
        log_error("%s %s", what, inet_address_format(&connection->peer, text));
}

void connection_take_no_more(Connection *connection)
{
    if (connection->state != OPEN)
        return;
    connection->state = FINISHING;
}

void connection_queue(Connection *connection)
{
    if (connection->queued)
        return;
    connection->queued = true;
    event_loop_queue_in_loop(connection->group->loop, &connection->task);
}
