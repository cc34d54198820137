#include "tcp_server.h"

#include "library.h"

static void echo(Record *record, const char *data, size_t size)
{
    connection_send(record->connection, data, size);
}

/* Several at once: each has its own data. */
static void each_its_own_data(void)
{
    int clients[10];

    when_message = echo;
    start_server();
    for (int i = 0; i < 10; i++)
        clients[i] = come();
    wait_for(&opened, 10, "on_open");
    for (int turn = 1; turn <= 3; turn++) {
        for (int i = 0; i < 10; i++)
            say(clients[i], "who am I?");
        for (int i = 0; i < 10; i++)
            hear(clients[i], "who am I?");
        wait_for(&messages, 10 * turn, "on_message");
    }
    for (int i = 0; i < 10; i++)
        EXPECT_EQUAL(now(&records[i].messages), 3);
    for (int i = 0; i < 10; i++)
        close(clients[i]);
    wait_for(&closed, 10, "on_close");
    stop_server();
}

static void run_all(void)
{
    each_its_own_data();
}

int main(int argc, char **argv)
{
    (void)argv;
    return run_in_all_layouts(argc, run_all);
}
