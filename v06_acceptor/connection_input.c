#include "connection_state.h"

#include <errno.h>
#include <unistd.h>

/* One for all: it is used up before the next read. */
enum { SCRATCH = 64 * 1024 };
static char scratch[SCRATCH];

static inline void hand_up(Connection *connection, const char *data,
                           size_t size)
{
    ConnectionGroup *group = connection->group;

    group->handler.on_message(group->handler.context, connection, data, size);
}

void connection_read(Connection *connection)
{
    ssize_t size = read(connection->channel.fd, scratch, SCRATCH);

    if (size > 0)
        hand_up(connection, scratch, (size_t)size);
    else if (size == 0)
        connection->state = ENDED;
    else if (errno != EAGAIN && errno != EINTR)
        connection_fail(connection, "read");
}
