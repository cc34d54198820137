#include "modes.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
    BATCH = 256,
    PIECE = 64 * 1024,
    PREFIX = 16, /* the sender's number, a colon and a space */
    DIGITS = 10, /* of the counter in each line */
    SHORTEST = DIGITS + 1,
    LONGEST = 8192
};

/* A line as the members get it; its counter is set by show. */
static char line[PREFIX + LONGEST];
static size_t start; /* of what the sender sends */
static size_t length;
static uint64_t shown = UINT64_MAX;
static uint64_t sent; /* lines */
static int64_t *times; /* when each line was sent, from the line first */
static uint64_t first;
static bool joined;
static const char told[] = "you are ";
static char greeting[PREFIX * 2]; /* the sender's: it says its number */

static const char *show(uint64_t counter)
{
    char digits[DIGITS + 1];

    if (shown != counter) {
        snprintf(digits, sizeof(digits), "%0*" PRIu64, DIGITS,
                 counter % 10000000000);
        memcpy(line + start, digits, DIGITS);
        shown = counter;
    }
    return line;
}

/* Who comes in is told its number, and later that others have come. */
static void count_lines(Client *client, const char *piece, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        size_t at = client->received + i;
        if (client->number == 0 && at + 1 < sizeof(greeting))
            greeting[at] = piece[i];
        if (piece[i] == '\n')
            client->answered++;
    }
    client->received += size;
}

static void check_line(Engine *engine, Client *client, const char *piece,
                       size_t size)
{
    uint64_t counter = client->received / length;
    size_t at = client->received % length;

    if (client->number == 0 || counter >= sent)
        errx(1, "client %d: bytes came that were never sent to it",
             client->number);
    if (memcmp(show(counter) + at, piece, size) != 0)
        errx(1,
             "client %d: line %" PRIu64 " is not what was sent: the server "
             "changed it, lost one, or mixed two",
             client->number, counter);
    client->received += size;
    if (at + size < length)
        return;
    client->answered++;
    engine->answered++;
    histogram_record(&engine->latency,
                     (uint64_t)(engine->now - times[counter - first]));
}

static void check_lines(Engine *engine, Client *client, const char *piece,
                        size_t size)
{
    while (size > 0) {
        size_t left = length - client->received % length;
        size_t part = size < left ? size : left;
        check_line(engine, client, piece, part);
        piece += part;
        size -= part;
    }
}

static void hear(Engine *engine, Client *client)
{
    static char piece[PIECE];
    ssize_t size = recv(client->fd, piece, sizeof(piece), 0);

    if (size < 0 && errno == EAGAIN)
        return;
    if (size < 0)
        err(1, "client %d", client->number);
    if (size == 0)
        errx(1, "client %d: the server closed the connection", client->number);
    engine->last_byte = engine->now;
    if (joined)
        check_lines(engine, client, piece, (size_t)size);
    else
        count_lines(client, piece, (size_t)size);
}

static void turn(Engine *engine)
{
    struct epoll_event events[BATCH];
    int count = epoll_wait(engine->epoll, events, BATCH,
                           (int)(engine->options.stall / 1000000));

    if (count < 0 && errno != EINTR)
        err(1, "epoll_wait");
    if (count == 0)
        errx(1,
             "%" PRIu64 " lines were sent, %" PRIu64 " came to members, and "
             "then none for %.1f s: the server lost some, or hangs",
             sent, engine->answered, (double)engine->options.stall / 1e9);
    engine_tick(engine);
    for (int i = 0; i < count; i++)
        hear(engine, events[i].data.ptr);
}

/* Each is told its own number, and of all who come after it. */
static void join(Engine *engine)
{
    long clients = engine->options.clients;

    for (long i = 0; i < clients; i++) {
        engine_connect_one(engine, &engine->clients[i]);
        while (engine->clients[i].answered == 0)
            turn(engine);
    }
    for (long i = 0; i < clients; i++)
        while (engine->clients[i].answered < (uint64_t)(clients - i))
            turn(engine);
    for (long i = 0; i < clients; i++)
        engine->clients[i].received = 0;
    if (strncmp(greeting, told, strlen(told)) != 0)
        errx(1, "client 0 was not told its number");
    start = (size_t)snprintf(
        line, PREFIX, "%lu: ", strtoul(greeting + strlen(told), NULL, 10));
    joined = true;
}

static void prepare(const Options *options)
{
    if (options->size < SHORTEST || options->size > LONGEST ||
        options->clients < 2)
        errx(2, "a chat takes 2 clients and %d to %d bytes", SHORTEST, LONGEST);
    length = start + (size_t)options->size;
    memset(line + start, 'x', (size_t)options->size);
    line[length - 1] = '\n';
}

static void send_line(Engine *engine)
{
    size_t size = length - start;

    times[sent - first] = engine->now;
    if (send(engine->clients[0].fd, show(sent) + start, size, MSG_NOSIGNAL) !=
        (ssize_t)size)
        err(1, "client 0: a line could not be sent whole");
    sent++;
}

static void run_lines(Engine *engine, uint64_t lines)
{
    uint64_t others = (uint64_t)engine->options.clients - 1;
    uint64_t last = sent + lines;

    first = sent;
    times = calloc(lines, sizeof(*times));
    if (times == NULL)
        err(1, "times");
    histogram_clear(&engine->latency);
    engine_mark(engine, &engine->begin);
    while (engine->answered < last * others) {
        uint64_t whole = engine->answered / others;
        while (sent < last && sent - whole < (uint64_t)engine->options.flight)
            send_line(engine);
        turn(engine);
    }
    engine_mark(engine, &engine->end);
    free(times);
}

void mode_chat(Engine *engine, void (*report)(const Engine *engine))
{
    join(engine);
    prepare(&engine->options);
    modes_answer("ready");
    for (long lines; (lines = modes_ask("lines ")) > 0;) {
        run_lines(engine, (uint64_t)lines);
        report(engine);
    }
}
