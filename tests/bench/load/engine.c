#include "engine.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

/* After so many newcomers the server gets time to take them. */
enum { CONNECTING = 100, BATCH = 256 };

static int64_t clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

static long all_clients(const Engine *engine)
{
    return engine->options.clients + engine->options.quiet;
}

void engine_open(Engine *engine, const Options *options)
{
    *engine = (Engine){.options = *options};
    engine->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (engine->epoll < 0)
        err(1, "epoll_create1");
    engine->clients =
        calloc((size_t)all_clients(engine), sizeof(*engine->clients));
    if (engine->clients == NULL)
        err(1, "clients");
    for (long i = 0; i < all_clients(engine); i++) {
        engine->clients[i].number = (int)i;
        engine->clients[i].fd = -1;
    }
    engine->now = engine->last_byte = clock_now();
}

static void watch(const Engine *engine, Client *client, int operation)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

    if (client->waits_to_write)
        event.events |= EPOLLOUT;
    if (epoll_ctl(engine->epoll, operation, client->fd, &event) < 0)
        err(1, "epoll_ctl");
}

void engine_connect_one(Engine *engine, Client *client)
{
    client_open(client, &engine->options);
    watch(engine, client, EPOLL_CTL_ADD);
}

static bool is_connected(const Client *client)
{
    struct sockaddr_in peer;
    socklen_t size = sizeof(peer);
    int error = 0;
    socklen_t error_size = sizeof(error);

    if (getpeername(client->fd, (struct sockaddr *)&peer, &size) == 0)
        return true;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &error_size);
    if (error != 0)
        errx(1, "client %d: connect: %s", client->number, strerror(error));
    return false;
}

/* The kernel takes a newcomer at once, unless the backlog is full. */
static void wait_connected(Engine *engine, const Client *client)
{
    int64_t until = clock_now() + engine->options.stall;

    while (!is_connected(client)) {
        if (engine->now >= until)
            errx(1, "client %d was not let in: does the server accept?",
                 client->number);
        engine_turn(engine, engine->now + 10000000);
    }
}

void engine_connect(Engine *engine)
{
    for (long i = 0; i < all_clients(engine); i++) {
        engine_connect_one(engine, &engine->clients[i]);
        wait_connected(engine, &engine->clients[i]);
        if (i % CONNECTING == CONNECTING - 1)
            engine_turn(engine, engine->now + 1000000);
    }
}

static void send_and_watch(Engine *engine, Client *client)
{
    bool waited = client->waits_to_write;

    client_send(client);
    if (client->waits_to_write != waited)
        watch(engine, client, EPOLL_CTL_MOD);
}

void engine_grant(Engine *engine, Client *client, long messages)
{
    client_grant(client, &engine->options, messages, engine->now);
    engine->granted += (uint64_t)messages;
    send_and_watch(engine, client);
}

static void take_answers(Engine *engine, Client *client)
{
    long answers = 0;
    int64_t begun;

    while (client_answered(client, &engine->options, &begun)) {
        histogram_record(&engine->latency, (uint64_t)(engine->now - begun));
        answers++;
    }
    engine->answered += (uint64_t)answers;
    if (answers > 0)
        engine->on_answer(engine, client, answers);
}

static void receive(Engine *engine, Client *client)
{
    Received received = client_receive(client);

    if (received != RECEIVED_NOTHING)
        engine->last_byte = engine->now;
    if (received == RECEIVED_SOME)
        take_answers(engine, client);
    else if (received == RECEIVED_END)
        engine->on_end(engine, client);
}

static void handle(Engine *engine, const struct epoll_event *event)
{
    Client *client = event->data.ptr;

    if (event->events & EPOLLOUT)
        send_and_watch(engine, client);
    if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(engine, client);
}

static void check_stall(const Engine *engine)
{
    if (engine->now - engine->last_byte < engine->options.stall)
        return;
    for (long i = 0; i < all_clients(engine); i++) {
        const Client *client = &engine->clients[i];
        if (client->received < client->sent || client->waits_to_write)
            errx(1,
                 "client %ld: %" PRIu64 " bytes sent, %" PRIu64
                 " came back, and then none "
                 "for %.1f s: the server lost some, or hangs",
                 i, client->sent, client->received,
                 (double)engine->options.stall / 1e9);
    }
    errx(1, "the server does not close when its clients do");
}

void engine_turn(Engine *engine, int64_t until)
{
    struct epoll_event events[BATCH];
    int64_t left = until - engine->now;
    int timeout = left <= 0 ? 0 : (int)(left / 1000000) + 1;
    int count = epoll_wait(engine->epoll, events, BATCH, timeout);

    if (count < 0 && errno != EINTR)
        err(1, "epoll_wait");
    engine->now = clock_now();
    for (int i = 0; i < count; i++)
        handle(engine, &events[i]);
}

void engine_turn_or_stall(Engine *engine)
{
    engine_turn(engine, engine->last_byte + engine->options.stall);
    check_stall(engine);
}

void engine_settle(Engine *engine)
{
    engine->last_byte = engine->now = clock_now();
    while (engine->answered < engine->granted)
        engine_turn_or_stall(engine);
}

void engine_tick(Engine *engine)
{
    engine->now = clock_now();
}

void engine_mark(Engine *engine, Snapshot *snapshot)
{
    snapshot->server = process_usage(engine->options.server);
    snapshot->own = process_own_usage();
    snapshot->time = engine->now = clock_now();
    snapshot->messages = engine->answered;
}

static void close_ended(Engine *engine, Client *client)
{
    client_close(client);
    engine->answered++;
}

void engine_close(Engine *engine)
{
    engine->on_end = close_ended;
    for (long i = 0; i < all_clients(engine); i++) {
        Client *client = &engine->clients[i];
        client->shut = true;
        shutdown(client->fd, SHUT_WR);
        engine->granted++;
    }
    engine_settle(engine);
}
