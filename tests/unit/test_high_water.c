#include "tcp_server.h"

#include "members.h"

enum { PUSHES = 1000 }; /* 20 MB: more than the kernel takes for a client */

static void drop(Record *record)
{
    connection_abort(record->connection);
}

static void too_slow_for_what_is_pushed(void)
{
    int slow, pusher, pushes = 0;

    memset(much, 'x', sizeof(much));
    options.high_water = 50000;
    handler.on_high_water = on_high_water;
    when_high_water = drop;
    start_members(push);
    slow = come();
    wait_for(&opened, 1, "on_open");
    pusher = come();
    wait_for(&opened, 2, "on_open");
    for (; pushes < 2000 && now(&records[0].closes) == 0; pushes++) {
        say(pusher, "push\n");
        wait_for(&messages, pushes + 1, "on_message");
    }
    hear(pusher, "left\n");
    wait_for(&closed, 1, "on_close");
    EXPECT_EQUAL(now(&records[0].high_waters), 1);
    EXPECT_EQUAL(now(&records[0].closes), 1);
    EXPECT(hear_out(slow) > 0);
    close(slow);
    close(pusher);
    wait_for(&closed, 2, "on_close");
    stop_server();
    handler.on_high_water = NULL;
}

static void push_to_itself(Record *record, const char *data, size_t size)
{
    (void)data, (void)size;
    for (int i = 0; i < PUSHES; i++)
        connection_send(record->connection, much, sizeof(much));
}

/* The program is told, does nothing, and nothing is lost. */
static void too_slow_for_its_own(void)
{
    long all = PUSHES * (long)sizeof(much);
    int fd;

    handler.on_high_water = on_high_water;
    start_members(push_to_itself);
    fd = come();
    say(fd, "push\n");
    wait_for(&high_waters, 1, "on_high_water");
    EXPECT_EQUAL(hear_much(fd, all), all);
    close(fd);
    wait_for(&closed, 1, "on_close");
    stop_server();
    handler.on_high_water = NULL;
}

static void run_all(void)
{
    too_slow_for_what_is_pushed();
    too_slow_for_its_own();
}

int main(int argc, char **argv)
{
    (void)argv;
    return run_in_all_layouts(argc, run_all);
}
