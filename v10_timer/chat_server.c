/*
 * A chat: each line that a client sends goes to all others, with the sender's
 * number before it. Try it with three terminals: nc 127.0.0.1 8000
 *
 * Clients of several threads come, talk and leave at the same time: the lock
 * guards the list of members. It is held while a line is sent to all, so all
 * members see all lines in one order.
 */
#include "log.h"
#include "tcp_server.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Member {
    Connection *connection;
    unsigned number;
    struct Member *next;
} Member;

static Options options;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Member *members; /* guarded by lock */
static unsigned last_number; /* guarded by lock */

/* Send to all members but one, which may be NULL. Call it with the lock. */
static void tell_others(const Member *but, const char *text, size_t size)
{
    for (Member *member = members; member != NULL; member = member->next)
        if (member != but)
            connection_send(member->connection, text, size);
}

static void announce(const Member *but, unsigned number, const char *what)
{
    char text[32];
    int size = snprintf(text, sizeof(text), "* %u %s\n", number, what);

    tell_others(but, text, (size_t)size);
}

static void on_open(void *context, Connection *connection)
{
    Member *member = malloc(sizeof(*member));
    char text[32];

    (void)context;
    if (member == NULL) {
        log_error("member");
        connection_abort(connection);
        return;
    }
    connection_set_data(connection, member);
    pthread_mutex_lock(&lock);
    *member = (Member){connection, ++last_number, members};
    int size = snprintf(text, sizeof(text), "you are %u\n", member->number);
    connection_send(connection, text, (size_t)size);
    members = member;
    announce(member, member->number, "came");
    pthread_mutex_unlock(&lock);
}

/* After this callback the connection is gone: so nobody may find it here. */
static void on_close(void *context, Connection *connection)
{
    Member *member = connection_data(connection);

    (void)context;
    if (member == NULL)
        return;
    pthread_mutex_lock(&lock);
    Member **place = &members;
    while (*place != member)
        place = &(*place)->next;
    *place = member->next;
    announce(NULL, member->number, "left");
    pthread_mutex_unlock(&lock);
    free(member);
}

/* One connection_send for number and line: no other line comes between. */
static void on_message(void *context, Connection *connection, const char *data,
                       size_t size)
{
    const Member *member = connection_data(connection);
    char *text = malloc(size + 16);

    (void)context;
    options_delay(&options);
    if (text == NULL) {
        log_error("line");
        connection_abort(connection);
        return;
    }
    size_t start = (size_t)snprintf(text, 16, "%u: ", member->number);
    memcpy(text + start, data, size);
    pthread_mutex_lock(&lock);
    tell_others(member, text, start + size);
    pthread_mutex_unlock(&lock);
    free(text);
}

/* A member that does not read is dropped, before it costs more memory. */
static void on_high_water(void *context, Connection *connection)
{
    (void)context;
    connection_abort(connection);
}

int main(int argc, char **argv)
{
    ConnectionHandler handler = {
        .on_open = on_open,
        .on_message = on_message,
        .on_high_water = on_high_water,
        .on_close = on_close,
    };

    signal(SIGPIPE, SIG_IGN); /* send(2) fails with EPIPE instead */
    options = options_parse(argc, argv, "apvcmbdtwi");
    handler.codec = codec_line(options.longest);
    handler.slow = options.delay > 0;
    return tcp_server_run(&options, &handler) < 0;
}
