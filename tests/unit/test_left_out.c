#include "tcp_server.h"

#if STAGE >= 7
#include "members.h"
#else
#include "library.h"
#endif

static void just_echo(void *context, Connection *connection, const char *data,
                      size_t size)
{
    EXPECT(context == NULL);
    connection_send(connection, data, size);
}

/* All but on_message. */
static void what_may_be_left_out(void)
{
    int fd;

    handler.on_open = handler.on_close = NULL;
    handler.on_message = just_echo;
    handler.context = NULL;
    pthread_create(&server, NULL, run_server, NULL);
    fd = come();
    say(fd, "nobody counts");
    hear(fd, "nobody counts");
    shutdown(fd, SHUT_WR);
    EXPECT_EQUAL(hear_out(fd), 0);
    close(fd);
    leave_rudely(come());
    kill(getpid(), SIGTERM);
    pthread_join(server, NULL);
}

#if STAGE >= 7

/* What comes is kept, where the program does not mind: it comes at last. */
static void on_high_water_left_out(void)
{
    long all = 200 * (long)sizeof(much);
    int slow, pusher;

    start_members(push);
    slow = come();
    wait_for(&opened, 1, "on_open");
    pusher = come();
    wait_for(&opened, 2, "on_open");
    for (int i = 0; i < 200; i++)
        say(pusher, "push\n");
    wait_for(&messages, 200, "on_message");
    EXPECT_EQUAL(hear_much(slow, all), all);
    close(slow);
    close(pusher);
    stop_server();
}

static void count_too_long(void *context, Connection *connection)
{
    Record *record = connection_data(connection);

    EXPECT(context == records);
    pthread_mutex_lock(&lock);
    record->too_longs++;
    pthread_mutex_unlock(&lock);
    connection_send(connection, "too long\n", 9);
}

/* With the program's callback, and without. */
static void too_long(void)
{
    for (int with = 0; with < 2; with++) {
        int fd;
        handler.on_too_long = with ? count_too_long : NULL;
        start_members(to_all_others);
        fd = come();
        for (int i = 0; i < 150; i++)
            say(fd, "ten bytes ");
        if (with)
            hear(fd, "too long\n");
        EXPECT_EQUAL(hear_out(fd), 0);
        close(fd);
        wait_for(&closed, 1, "on_close");
        EXPECT_EQUAL(now(&records[0].messages), 0);
        EXPECT_EQUAL(now(&records[0].too_longs), with);
        stop_server();
    }
    handler.on_too_long = NULL;
}

#endif

static void run_all(void)
{
#if STAGE >= 7
    on_high_water_left_out();
    too_long();
    handler.codec = codec_raw();
#endif
    what_may_be_left_out();
}

int main(int argc, char **argv)
{
    (void)argv;
    return run_in_all_layouts(argc, run_all);
}
