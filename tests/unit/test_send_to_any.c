#include "tcp_server.h"

#include "members.h"

/* Fewer under valgrind and sanitizers. */
static int turns;

/* From one's callback to others; they come and leave in every way. */
static void from_callbacks(void)
{
    int first, second;

    start_members(to_all_others);
    first = come();
    wait_for(&opened, 1, "on_open");
    second = come();
    wait_for(&opened, 2, "on_open");
    for (int i = 0; i < turns; i++) {
        int guest = come();
        wait_for(&opened, 3 + i, "on_open");
        say(first, "a line\nand another\n");
        hear(second, "a line\nand another\n");
        if (i % 2 == 0)
            hear(guest, "a line\nand another\n");
        if (i % 3 == 0)
            leave_rudely(guest);
        else
            close(guest);
        hear(first, "left\n");
        hear(second, "left\n");
    }
    close(first);
    hear(second, "left\n");
    close(second);
    wait_for(&closed, turns + 2, "on_close");
    stop_server();
}

static int goes_to; /* what is done, and to whom */

/* Several things at once with a connection that goes: it closes once. */
static void end_in_many_ways(Connection *connection)
{
    if (goes_to % 3 == 0)
        connection_finish(connection);
    else
        connection_abort(connection);
    connection_send(connection, "never\n", 6);
    connection_finish(connection);
    if (goes_to % 4 == 1) {
        connection_abort(connection);
        connection_abort(connection);
    }
    connection_send(connection, "never\n", 6);
    EXPECT(connection_peer(connection) != NULL);
}

/* on_close needs the lock as well: until it is free, the other is there. */
static void make_it_go(Record *record, const char *data, size_t size)
{
    Record *other = goes_to % 2 == 0 ? record : &records[1];

    if (data[0] != 'g')
        return;
    pthread_mutex_lock(&members_lock);
    connection_send(other->connection, data, size);
    end_in_many_ways(other->connection);
    EXPECT(connection_data(other->connection) == other);
    pthread_mutex_unlock(&members_lock);
}

static void what_goes_closes_once(void)
{
    for (goes_to = 0; goes_to < 12; goes_to++) {
        int clients[2];
        start_members(make_it_go);
        for (int i = 0; i < 2; i++) {
            clients[i] = come();
            wait_for(&opened, i + 1, "on_open");
        }
        say(clients[0], "go\nand more\n");
        int gone = goes_to % 2;
        long got = hear_out(clients[gone]); /* an abort may lose it */
        EXPECT(got == 3 || ((goes_to % 3 > 0 || goes_to % 4 == 1) && got == 0));
        close(clients[gone]);
        wait_for(&closed, 1, "on_close");
        EXPECT_EQUAL(now(&records[gone].closes), 1);
        EXPECT_EQUAL(now(&records[1 - gone].closes), 0);
        close(clients[1 - gone]);
        wait_for(&closed, 2, "on_close");
        stop_server();
    }
}

#if STAGE >= 8

static bool enough; /* guarded by members_lock */

static void *push_ticks(void *first)
{
    char text[32];
    bool goes_on = true;

    for (int tick = *(int *)first; goes_on; tick++) {
        snprintf(text, sizeof(text), "tick %d\n", tick);
        send_to_all(NULL, text, strlen(text));
        pthread_mutex_lock(&members_lock);
        goes_on = !enough;
        pthread_mutex_unlock(&members_lock);
        usleep(100);
    }
    return NULL;
}

/* Lines must be whole, and those of each of two threads count up. */
static void hear_ticks(int fd, int lines)
{
    FILE *stream = fdopen(dup(fd), "r");
    char line[64];
    int last[2] = {0, 0};
    int tick;

    for (int i = 0; i < lines && fgets(line, sizeof(line), stream); i++) {
        if (strcmp(line, "left\n") == 0)
            continue;
        EXPECT(sscanf(line, "tick %d\n", &tick) == 1);
        int whose = tick >= 1000000;
        EXPECT(last[whose] == 0 || tick == last[whose] + 1);
        last[whose] = tick;
    }
    EXPECT(last[0] + last[1] > 0);
    fclose(stream);
}

/*
 * Two threads of the program's own send, while clients come and leave; in the
 * end also while the server stops.
 */
static void from_threads_of_its_own(bool in_the_end)
{
    pthread_t threads[2];
    int firsts[] = {1, 1000000};
    int stays;

    start_members(to_all_others);
    enough = false;
    stays = come();
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, push_ticks, &firsts[i]);
    for (int i = 0; i < turns * 2; i++) {
        int guest = come();
        if (i % 3 == 0)
            hear_ticks(guest, 10);
        if (i % 2 == 0)
            leave_rudely(guest);
        else
            close(guest);
    }
    hear_ticks(stays, turns * 4);
    if (in_the_end)
        stop_server();
    pthread_mutex_lock(&members_lock);
    enough = true;
    pthread_mutex_unlock(&members_lock);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    close(stays);
    if (!in_the_end)
        stop_server();
}

#endif

static void say_in_turn(Record *record, const char *data, size_t size)
{
    (void)size;
    if (data[0] == 'w')
        usleep(50000); /* what comes meanwhile is ready together */
    else if (data[0] == '1')
        connection_send(records[1].connection, "1\n", 2);
    else
        connection_send(record->connection, "2\n", 2);
}

/* A callback sends to another connection, whose own callback sends next. */
static void sends_of_one_thread_stay_in_order(void)
{
    int clients[3];

    start_members(say_in_turn);
    for (int i = 0; i < 3; i++) {
        clients[i] = come();
        wait_for(&opened, i + 1, "on_open");
    }
    for (int i = 0; i < 10; i++) {
        say(clients[2], "wait\n");
        wait_for(&messages, 3 * i + 1, "on_message");
        say(clients[0], "1\n");
        say(clients[1], "2\n");
        hear(clients[1], "1\n2\n");
    }
    for (int i = 0; i < 3; i++)
        close(clients[i]);
    stop_server();
}

static void run_all(void)
{
    turns = light ? 10 : 30;
    from_callbacks();
#if STAGE >= 8
    if (options.io_threads == 0 && options.workers == 0)
#endif
        sends_of_one_thread_stay_in_order();
    what_goes_closes_once();
#if STAGE >= 8
    from_threads_of_its_own(false);
    from_threads_of_its_own(true);
#endif
}

int main(int argc, char **argv)
{
    (void)argv;
    return run_in_all_layouts(argc, run_all);
}
