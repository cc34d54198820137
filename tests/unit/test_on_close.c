#include "tcp_server.h"

#include "library.h"

/* Fewer under valgrind and sanitizers. */
static int turns;

static void echo(Record *record, const char *data, size_t size)
{
    connection_send(record->connection, data, size);
}

/* They leave in every way; on_close is called for each, and its data is there. */
static void coming_and_going(void)
{
    when_message = echo;
    start_server();
    for (int i = 0; i < turns; i++) {
        int fd = come();
        if (i % 5 > 0) {
            say(fd, "hello");
            hear(fd, "hello");
        }
        if (i % 3 == 0)
            shutdown(fd, SHUT_WR);
        if (i % 3 == 0)
            EXPECT_EQUAL(hear_out(fd), 0);
        if (i % 3 == 1)
            leave_rudely(fd);
        else
            close(fd);
    }
    /* Whom a reset overtakes in the listener's queue may never be opened. */
    wait_for(&opened, turns - turns / 3, "on_open");
    wait_for(&closed, turns - turns / 3, "on_close");
    stop_server();
}

/* A stop closes whoever is there: silent, in the middle, just come. */
static void at_a_stop(void)
{
    for (int turn = 0; turn < turns / 5; turn++) {
        int clients[8];
        when_message = echo;
        start_server();
        for (int i = 0; i < 8; i++)
            clients[i] = come();
        if (turn % 3 > 0)
            wait_for(&opened, 8, "on_open");
        say(clients[0], "hello");
        if (turn % 3 > 1)
            hear(clients[0], "hello");
        say(clients[1], "nobody reads the answer to this");
        leave_rudely(clients[2]);
        stop_server();
        for (int i = 0; i < 8; i++)
            if (i != 2)
                close(clients[i]);
    }
}

static void greet(Record *record)
{
    connection_send(record->connection, "welcome", 7);
}

/* The program speaks first. */
static void sends_in_on_open(void)
{
    when_open = greet;
    when_message = echo;
    start_server();
    for (int i = 0; i < turns / 3; i++) {
        int fd = come();
        hear(fd, "welcome");
        say(fd, "thanks");
        hear(fd, "thanks");
        close(fd);
    }
    for (int i = 0; i < turns / 3; i++)
        leave_rudely(come());
    stop_server();
}

/* Who is too many gets the program's words, and was never there. */
static void refused(void)
{
    int first, other;

    options.connections = 1;
    handler.refusal = "no room\n";
    when_message = echo;
    start_server();
    first = come();
    say(first, "in");
    hear(first, "in");
    for (int i = 0; i < 3; i++) {
        other = come();
        hear(other, "no room\n");
        hear_out(other);
        close(other);
    }
    EXPECT_EQUAL(now(&opened), 1);
    close(first);
    wait_for(&closed, 1, "on_close");
    stop_server();
    handler.refusal = NULL;
    options.connections = 0;
}

static void run_all(void)
{
    turns = light ? 10 : 30;
    coming_and_going();
    at_a_stop();
    sends_in_on_open();
    refused();
}

int main(int argc, char **argv)
{
    (void)argv;
    return run_in_all_layouts(argc, run_all);
}
