/*
 * A program that keeps pointers to its connections, for unit checks: a list
 * of who is there, under its own lock.
 */
#ifndef MEMBERS_H
#define MEMBERS_H

#include "library.h"

/* Those who are there, as a program keeps them: out of it in on_close. */
static pthread_mutex_t members_lock = PTHREAD_MUTEX_INITIALIZER;
static Record *members[MOST_RECORDS];
static int member_count;

static inline void join(Record *record)
{
    pthread_mutex_lock(&members_lock);
    members[member_count++] = record;
    pthread_mutex_unlock(&members_lock);
}

/* Send to all but one. Bytes for who has left already must do no harm. */
static inline void send_to_all(const Record *but, const char *data, size_t size)
{
    pthread_mutex_lock(&members_lock);
    for (int i = 0; i < member_count; i++)
        if (members[i] != but)
            connection_send(members[i]->connection, data, size);
    pthread_mutex_unlock(&members_lock);
}

static inline void leave(Record *record)
{
    pthread_mutex_lock(&members_lock);
    for (int i = 0; i < member_count; i++)
        if (members[i] == record)
            members[i--] = members[--member_count];
    pthread_mutex_unlock(&members_lock);
    connection_send(record->connection, "too late", 8);
    send_to_all(record, "left\n", 5);
}

static inline void to_all_others(Record *record, const char *data, size_t size)
{
    send_to_all(record, data, size);
}

/* All is set before the server's threads run: they only read it. */
static inline void start_members(void (*handle)(Record *record,
                                                const char *data, size_t size))
{
    member_count = 0;
    when_open = join;
    when_close = leave;
    when_message = handle;
    handler.codec = codec_line(1000);
    start_server();
}

/* A message makes the program send this to all others. */
static char much[20000];

static inline void push(Record *record, const char *data, size_t size)
{
    (void)data, (void)size;
    send_to_all(record, much, sizeof(much));
}

#endif
