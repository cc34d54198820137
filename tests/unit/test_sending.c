#include "tcp_server.h"

#include "library.h"

#include <stdlib.h>

static int turns = 30;

/* Those who are there, as a program keeps them: out of it in on_close. */
static pthread_mutex_t members_lock = PTHREAD_MUTEX_INITIALIZER;
static Record *members[MOST_RECORDS];
static int member_count;

static void join(Record *record)
{
    pthread_mutex_lock(&members_lock);
    members[member_count++] = record;
    pthread_mutex_unlock(&members_lock);
}

/* Send to all but one. Bytes for who has left already must do no harm. */
static void send_to_all(const Record *but, const char *data, size_t size)
{
    pthread_mutex_lock(&members_lock);
    for (int i = 0; i < member_count; i++)
        if (members[i] != but)
            connection_send(members[i]->connection, data, size);
    pthread_mutex_unlock(&members_lock);
}

static void leave(Record *record)
{
    pthread_mutex_lock(&members_lock);
    for (int i = 0; i < member_count; i++)
        if (members[i] == record)
            members[i--] = members[--member_count];
    pthread_mutex_unlock(&members_lock);
    connection_send(record->connection, "too late", 8);
    send_to_all(record, "left\n", 5);
}

static void to_all_others(Record *record, const char *data, size_t size)
{
    send_to_all(record, data, size);
}

static void start_members(void)
{
    member_count = 0;
    when_open = join;
    when_close = leave;
    when_message = to_all_others;
    handler.codec = codec_line(1000);
    start_server();
}

/* From one's callback to others; they come and leave in every way. */
static void from_callbacks(void)
{
    int first, second;

    start_members();
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

static int goes_to; /* what is done with the second member */

/* Several things at once with a connection that goes: it closes once. */
static void make_it_go(Record *record, const char *data, size_t size)
{
    Record *other = goes_to % 2 == 0 ? record : &records[1];

    if (data[0] != 'g')
        return;
    connection_send(other->connection, data, size);
    if (goes_to % 3 == 0)
        connection_finish(other->connection);
    else
        connection_abort(other->connection);
    connection_send(other->connection, "never\n", 6);
    connection_finish(other->connection);
    if (goes_to % 4 == 1) {
        connection_abort(other->connection);
        connection_abort(other->connection);
    }
    connection_send(other->connection, "never\n", 6);
    EXPECT(connection_data(other->connection) == other);
    EXPECT(connection_peer(other->connection) != NULL);
}

static void what_goes_closes_once(void)
{
    for (goes_to = 0; goes_to < 12; goes_to++) {
        int clients[2];
        start_members();
        when_message = make_it_go;
        for (int i = 0; i < 2; i++) {
            clients[i] = come();
            wait_for(&opened, i + 1, "on_open");
        }
        say(clients[0], "go\nand more\n");
        int gone = goes_to % 2;
        long got = hear_out(clients[gone]); /* an abort may lose it */
        EXPECT(got == 3 || (goes_to % 3 > 0 && got == 0));
        close(clients[gone]);
        wait_for(&closed, 1, "on_close");
        EXPECT_EQUAL(records[gone].closes, 1);
        EXPECT_EQUAL(records[1 - gone].closes, 0);
        close(clients[1 - gone]);
        wait_for(&closed, 2, "on_close");
        stop_server();
    }
}

/* The client does not read; its sender fills it up. */
static char much[20000];

static void push(Record *record, const char *data, size_t size)
{
    (void)data, (void)size;
    send_to_all(record, much, sizeof(much));
}

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
    start_members();
    when_message = push;
    when_high_water = drop;
    slow = come();
    wait_for(&opened, 1, "on_open");
    pusher = come();
    wait_for(&opened, 2, "on_open");
    for (; pushes < 2000 && records[0].closes == 0; pushes++) {
        say(pusher, "push\n");
        wait_for(&messages, pushes + 1, "on_message");
    }
    hear(pusher, "left\n");
    EXPECT_EQUAL(records[0].high_waters, 1);
    EXPECT_EQUAL(records[0].closes, 1);
    EXPECT(hear_out(slow) > 0);
    close(slow);
    close(pusher);
    wait_for(&closed, 2, "on_close");
    stop_server();
    handler.on_high_water = NULL;
}

/* What comes is kept, where the program does not mind: it comes at last. */
static void on_high_water_left_out(void)
{
    int slow, pusher;
    long got = 0;

    start_members();
    when_message = push;
    slow = come();
    wait_for(&opened, 1, "on_open");
    pusher = come();
    wait_for(&opened, 2, "on_open");
    for (int i = 0; i < 200; i++)
        say(pusher, "push\n");
    wait_for(&messages, 200, "on_message");
    while (got < 200 * (long)sizeof(much)) {
        char piece[60000];
        ssize_t size = recv(slow, piece, sizeof(piece), 0);
        if (size <= 0)
            break;
        got += size;
    }
    EXPECT_EQUAL(got, 200 * (long)sizeof(much));
    close(slow);
    close(pusher);
    stop_server();
}

static void count_too_long(void *context, Connection *connection)
{
    Record *record = connection_data(connection);

    EXPECT(context == records);
    record->too_longs++;
    connection_send(connection, "too long\n", 9);
}

/* With the program's callback, and without. */
static void too_long(void)
{
    for (int with = 0; with < 2; with++) {
        int fd;
        handler.on_too_long = with ? count_too_long : NULL;
        start_members();
        handler.codec = codec_line(1000);
        fd = come();
        for (int i = 0; i < 150; i++)
            say(fd, "ten bytes ");
        if (with)
            hear(fd, "too long\n");
        EXPECT_EQUAL(hear_out(fd), 0);
        close(fd);
        wait_for(&closed, 1, "on_close");
        EXPECT_EQUAL(records[0].messages, 0);
        EXPECT_EQUAL(records[0].too_longs, with);
        stop_server();
    }
    handler.on_too_long = NULL;
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

    start_members();
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

static void run_all(void)
{
    options.high_water = 1 << 20;
    from_callbacks();
    what_goes_closes_once();
    too_long();
#if STAGE >= 8
    from_threads_of_its_own(false);
    from_threads_of_its_own(true);
#endif
    on_high_water_left_out();
    too_slow_for_what_is_pushed();
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        turns = 8;
    begin_unit();
#if STAGE >= 8
    options.io_threads = 0;
    run_all();
    options.io_threads = 2;
    run_all();
    options.workers = 2;
#endif
    run_all();
    return unit_result();
}
