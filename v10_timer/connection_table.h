/*
 * ConnectionTable: the connections that a loop serves, by descriptor. The
 * kernel gives out the smallest descriptor that is free, so the table stays
 * as small as it can be, and finding one is an index.
 *
 * Owned by whoever holds the struct; {0} is an empty one. It does not own
 * the connections. One thread at a time.
 */
#ifndef CONNECTION_TABLE_H
#define CONNECTION_TABLE_H

#include "connection.h"

typedef struct ConnectionTable {
    Connection **slots; /* NULL: none */
    size_t size;
} ConnectionTable;

/* Returns 0, or -1 with errno set when there is no memory. */
int connection_table_put(ConnectionTable *table, Connection *connection);

/* Does nothing if it is not in the table. */
void connection_table_remove(ConnectionTable *table, Connection *connection);

/* Calls visit for each; it may remove the one that it is called for. */
void connection_table_visit(ConnectionTable *table,
                            void (*visit)(void *context,
                                          Connection *connection),
                            void *context);

/* Gives back its own memory. */
void connection_table_reset(ConnectionTable *table);

#endif
