/*
 * A program on top of the library, for unit checks: it keeps a record of each
 * connection, and notes what must never happen. The server runs in a thread;
 * the check itself is the client. STAGE is the number of the stage.
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include "clients.h"
#include "tcp_server.h"
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_RECORDS = 4000 };

/* What is known of one connection. It is never used for another one. */
typedef struct Record {
    Connection *connection;
    pthread_t thread; /* that called on_open */
    int messages;
    int closes;
    int high_waters;
    int too_longs;
} Record;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static Record records[MOST_RECORDS];
static int record_count, opened, closed, messages, high_waters;
static bool stopping; /* then the main thread may stand in for others */

/* The connection whose callback this thread is in. */
static _Thread_local Connection *inside;

/* What a check wants done besides; called without the lock. */
static void (*when_open)(Record *record);
static void (*when_message)(Record *record, const char *data, size_t size);
static void (*when_close)(Record *record);
static void (*when_high_water)(Record *record);

/* No callback is called from inside another one. */
static Connection *enter(Connection *connection)
{
    Connection *before = inside;

    EXPECT(before == NULL);
    inside = connection;
    return before;
}

static Record *record_of(Connection *connection)
{
    Record *record = connection_data(connection);

    EXPECT(record != NULL && record->connection == connection);
    return record;
}

static inline void on_open(void *context, Connection *connection)
{
    Connection *before = enter(connection);
    Record *record;

    EXPECT(context == records);
    EXPECT(connection_data(connection) == NULL);
    pthread_mutex_lock(&lock);
    EXPECT(record_count < MOST_RECORDS);
    record = &records[record_count++];
    record->connection = connection;
    record->thread = pthread_self();
    connection_set_data(connection, record);
    pthread_mutex_unlock(&lock);
    if (when_open != NULL)
        when_open(record);
    pthread_mutex_lock(&lock);
    opened++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    inside = before;
}

static inline void on_message(void *context, Connection *connection,
                              const char *data, size_t size)
{
    Connection *before = enter(connection);
    Record *record = record_of(connection);

    EXPECT(context == records);
    pthread_mutex_lock(&lock);
    EXPECT_EQUAL(record->closes, 0);
    record->messages++;
    messages++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    if (when_message != NULL)
        when_message(record, data, size);
    inside = before;
}

static inline void on_high_water(void *context, Connection *connection)
{
    Connection *before = enter(connection);
    Record *record = record_of(connection);

    EXPECT(context == records);
    pthread_mutex_lock(&lock);
    EXPECT_EQUAL(record->closes, 0);
    EXPECT(pthread_equal(record->thread, pthread_self()));
    record->high_waters++;
    high_waters++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    if (when_high_water != NULL)
        when_high_water(record);
    inside = before;
}

static inline void on_close(void *context, Connection *connection)
{
    Connection *before = enter(connection);
    Record *record = record_of(connection);

    EXPECT(context == records);
    if (when_close != NULL)
        when_close(record);
    pthread_mutex_lock(&lock);
    EXPECT(stopping || pthread_equal(record->thread, pthread_self()));
    record->closes++;
    closed++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    inside = before;
}

/* Wait until a count is so high. */
static inline void wait_for(const int *count, int least, const char *what)
{
    struct timespec until;
    int late = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE;
    pthread_mutex_lock(&lock);
    while (*count < least && late == 0)
        late = pthread_cond_timedwait(&changed, &lock, &until);
    if (*count < least) {
        unit_failures++;
        fprintf(stderr, "waited in vain for %s: %d of %d\n", what, *count,
                least);
    }
    pthread_mutex_unlock(&lock);
}

/* A count, as it is now. */
static inline int now(const int *count)
{
    pthread_mutex_lock(&lock);
    int is = *count;
    pthread_mutex_unlock(&lock);
    return is;
}

/* -- the server ------------------------------------------------------------ */

static bool light; /* under valgrind and sanitizers: smaller loads */
static Options options;
static ConnectionHandler handler;
static pthread_t server;

static inline void *run_server(void *unused)
{
    (void)unused;
    EXPECT_EQUAL(tcp_server_run(&options, &handler), 0);
    return NULL;
}

/* A port that was free a moment ago. */
static in_port_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    bind(fd, (struct sockaddr *)&address, size);
    getsockname(fd, (struct sockaddr *)&address, &size);
    close(fd);
    return address.sin_port;
}

/* Once, before all else: signals are for the server's thread alone. */
static inline void begin_unit(void)
{
    char number[8];
    char *argv[] = {"unit", "-p", number, NULL};
    sigset_t all;

    sigfillset(&all);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    port = free_port();
    snprintf(number, sizeof(number), "%u", ntohs(port));
#if STAGE >= 7
    options = options_parse(3, argv, "p");
    handler.codec = codec_raw();
#else
    options = options_parse(3, argv);
#endif
#if STAGE >= 8
    options.io_threads = 0;
#endif
}

static inline void start_server(void)
{
    memset(records, 0, sizeof(records));
    record_count = opened = closed = messages = high_waters = 0;
    stopping = false;
    handler.on_open = on_open;
    handler.on_message = on_message;
    handler.on_close = on_close;
    handler.context = records;
    pthread_create(&server, NULL, run_server, NULL);
}

/* All that was opened must have been closed, once. */
static inline void stop_server(void)
{
    pthread_mutex_lock(&lock);
    stopping = true;
    pthread_mutex_unlock(&lock);
    kill(getpid(), SIGTERM);
    pthread_join(server, NULL);
    EXPECT_EQUAL(closed, opened);
    for (int i = 0; i < opened; i++)
        EXPECT_EQUAL(records[i].closes, 1);
    when_open = when_close = when_high_water = NULL;
    when_message = NULL;
}

/* Run a check in each layout of threads that the stage can have. */
static inline int run_in_all_layouts(int argc, void (*check)(void))
{
    light = argc > 1;
    begin_unit();
    check();
#if STAGE >= 8
    options.io_threads = 2;
    check();
    options.workers = 2;
    check();
    options.io_threads = 0;
    check();
#endif
    return unit_result();
}

#endif
