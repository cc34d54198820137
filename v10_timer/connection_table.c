#include "connection_table.h"

#include <stdlib.h>
#include <string.h>

/* Makes the table long enough for fd. */
static int make_place(ConnectionTable *table, int fd)
{
    size_t size = table->size;

    if ((size_t)fd < size)
        return 0;
    while (size <= (size_t)fd)
        size = size ? size * 2 : 64;
    Connection **slots = realloc(table->slots, size * sizeof(*slots));
    if (slots == NULL)
        return -1;
    memset(slots + table->size, 0, (size - table->size) * sizeof(*slots));
    table->slots = slots;
    table->size = size;
    return 0;
}

int connection_table_put(ConnectionTable *table, Connection *connection)
{
    int fd = connection_fd(connection);

    if (make_place(table, fd) < 0)
        return -1;
    table->slots[fd] = connection;
    return 0;
}

void connection_table_remove(ConnectionTable *table, Connection *connection)
{
    size_t fd = (size_t)connection_fd(connection);

    if (fd < table->size && table->slots[fd] == connection)
        table->slots[fd] = NULL;
}

void connection_table_visit(ConnectionTable *table,
                            void (*visit)(void *context,
                                          Connection *connection),
                            void *context)
{
    for (size_t fd = 0; fd < table->size; fd++)
        if (table->slots[fd] != NULL)
            visit(context, table->slots[fd]);
}

void connection_table_reset(ConnectionTable *table)
{
    free(table->slots);
    *table = (ConnectionTable){0};
}
