#include "modes.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* In mode hold so many clients talk at once: their bytes are in the kernel. */
enum { TALKING = 64 };

static bool ending; /* no more messages are granted */
static uint64_t greetings; /* messages before those that are counted */
static long next_to_talk;

/* How many of these messages are still to be sent. */
static long allowed(const Engine *engine, long messages)
{
    const Options *options = &engine->options;

    if (ending)
        return 0;
    if (options->messages == 0)
        return messages;
    long left = options->messages - (long)(engine->granted - greetings);
    return messages < left ? messages : left;
}

static void send_again(Engine *engine, Client *client, long answers)
{
    long messages = allowed(engine, answers);

    if (messages > 0)
        engine_grant(engine, client, messages);
}

static void start_all(Engine *engine)
{
    for (long i = 0; i < engine->options.clients; i++)
        send_again(engine, &engine->clients[i], engine->options.flight);
}

static void send_when_all_have(Engine *engine, Client *client, long answers)
{
    (void)client;
    (void)answers;
    if (engine->answered == engine->granted)
        start_all(engine);
}

static void turn_until(Engine *engine, int64_t time)
{
    while (engine->now < time)
        engine_turn(engine, time);
}

/*
 * For a time, and until something has come back at least. What is under way at
 * its end is waited for, and not counted.
 */
static void measure(Engine *engine)
{
    const Options *options = &engine->options;

    turn_until(engine, engine->now + options->warmup);
    histogram_clear(&engine->latency);
    engine_mark(engine, &engine->begin);
    turn_until(engine, engine->begin.time + options->length);
    while (engine->answered == engine->begin.messages)
        engine_turn_or_stall(engine);
    engine_mark(engine, &engine->end);
    ending = true;
}

static void note_greeted(Engine *engine, Client *client, long answers)
{
    (void)engine;
    (void)client;
    greetings += (uint64_t)answers;
}

/*
 * A client may be connected long before the server accepts it. One reply to
 * each, the quiet ones included, shows that all have been.
 */
static void greet(Engine *engine)
{
    engine->on_answer = note_greeted;
    for (long i = 0; i < engine->options.clients + engine->options.quiet; i++)
        engine_grant(engine, &engine->clients[i], 1);
    engine_settle(engine);
    histogram_clear(&engine->latency);
}

void mode_echo(Engine *engine)
{
    engine_connect(engine);
    greet(engine);
    engine->on_answer =
        engine->options.mode == MODE_ROUNDS ? send_when_all_have : send_again;
    engine_mark(engine, &engine->begin);
    start_all(engine);
    if (engine->options.messages == 0)
        measure(engine);
    engine_settle(engine);
    if (engine->options.messages > 0)
        engine_mark(engine, &engine->end);
    engine_close(engine);
}

static void end_side(Engine *engine, Client *client, long answers)
{
    (void)engine;
    (void)answers;
    client->shut = true;
    shutdown(client->fd, SHUT_WR);
}

static void connect_and_send(Engine *engine, Client *client)
{
    engine_connect_one(engine, client);
    engine_grant(engine, client, 1);
}

static void connect_again(Engine *engine, Client *client)
{
    client_close(client);
    if (allowed(engine, 1) > 0)
        connect_and_send(engine, client);
}

static bool any_open(const Engine *engine)
{
    for (long i = 0; i < engine->options.clients; i++)
        if (engine->clients[i].fd >= 0)
            return true;
    return false;
}

void mode_connect(Engine *engine)
{
    engine->on_answer = end_side;
    engine->on_end = connect_again;
    engine_mark(engine, &engine->begin);
    for (long i = 0; i < engine->options.clients; i++)
        if (allowed(engine, 1) > 0)
            connect_and_send(engine, &engine->clients[i]);
    if (engine->options.messages == 0)
        measure(engine);
    engine_settle(engine);
    if (engine->options.messages > 0)
        engine_mark(engine, &engine->end);
    while (any_open(engine))
        engine_turn_or_stall(engine);
}

static void let_next_talk(Engine *engine, Client *client, long answers)
{
    (void)client;
    (void)answers;
    if (next_to_talk < engine->options.clients)
        engine_grant(engine, &engine->clients[next_to_talk++], 1);
}

void modes_answer(const char *word)
{
    if (puts(word) < 0 || fflush(stdout) != 0)
        err(1, "standard output");
}

long modes_ask(const char *word)
{
    char text[64];
    char *end = NULL;
    long number = 0;

    if (fgets(text, sizeof(text), stdin) == NULL)
        return 0;
    if (strncmp(text, word, strlen(word)) == 0)
        number = strtol(text + strlen(word), &end, 10);
    if (number < 1 || end == NULL || *end != '\n')
        errx(2, "standard input: what is meant by %s", text);
    return number;
}

void mode_hold(Engine *engine)
{
    engine->on_answer = let_next_talk;
    engine_connect(engine);
    modes_answer("ready");
    for (long size; (size = modes_ask("echo ")) > 0;) {
        engine->options.size = size;
        next_to_talk = 0;
        for (int i = 0; i < TALKING; i++)
            let_next_talk(engine, NULL, 0);
        engine_settle(engine);
        modes_answer("done");
    }
    engine_close(engine);
}
