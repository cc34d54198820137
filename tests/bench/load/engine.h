/*
 * The clients on one epoll, what they were granted and what came back.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "client.h"
#include "histogram.h"
#include "process.h"

/* Taken when measuring begins, and when it ends. */
typedef struct Snapshot {
    int64_t time;
    uint64_t messages; /* answered, so far */
    Usage server;
    Usage own;
} Snapshot;

typedef struct Engine Engine;

struct Engine {
    Options options;
    int epoll;
    Client *clients; /* those that talk first, then the quiet ones */
    uint64_t granted; /* messages, all clients together */
    uint64_t answered;
    int64_t now; /* nanoseconds, as of the last wait */
    int64_t last_byte; /* when something came back last */
    Histogram latency;
    Snapshot begin;
    Snapshot end;
    /* Called when this client has so many more replies. */
    void (*on_answer)(Engine *engine, Client *client, long answers);
    /* Called when the server has closed after the client's end of file. */
    void (*on_end)(Engine *engine, Client *client);
};

void engine_open(Engine *engine, const Options *options);

/* Connects every client, and waits until each is let in. */
void engine_connect(Engine *engine);
void engine_connect_one(Engine *engine, Client *client);

/* Lets a client send so many messages more, and sends what goes. */
void engine_grant(Engine *engine, Client *client, long messages);

/* Waits once, and handles what came; at most until that time. */
void engine_turn(Engine *engine, int64_t until);

/* Waits once; ends the program when nothing has come for too long. */
void engine_turn_or_stall(Engine *engine);

/* Turns until every message that was granted has its reply. */
void engine_settle(Engine *engine);

/* Looks at the clock. */
void engine_tick(Engine *engine);

void engine_mark(Engine *engine, Snapshot *snapshot);

/* Each client ends its side, and must find nothing more but the end. */
void engine_close(Engine *engine);

#endif
