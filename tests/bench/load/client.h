/*
 * One connection: sends its part of the stream, and checks that the same
 * bytes come back. What is wrong ends the program with a line that says so.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include "options.h"

#include <stdbool.h>

typedef struct Client {
    int fd; /* -1: none */
    int number;
    uint64_t sent; /* bytes, so far */
    uint64_t received;
    uint64_t granted; /* bytes that it may have sent */
    uint64_t complete_at; /* the next reply is whole when so many are back */
    int64_t *times; /* when each message in flight was begun */
    uint64_t begun; /* messages, so far */
    uint64_t answered;
    bool waits_to_write;
    bool shut; /* has sent its end of file */
} Client;

/* Begins to connect; a writable socket says that it is done. */
void client_open(Client *client, const Options *options);
void client_close(Client *client);

/* Lets it send so many messages more. */
void client_grant(Client *client, const Options *options, long messages,
                  int64_t now);

/* Hands the kernel what it will take. */
void client_send(Client *client);

typedef enum Received {
    RECEIVED_SOME,
    RECEIVED_NOTHING,
    RECEIVED_END
} Received;

/* Reads once. */
Received client_receive(Client *client);

/* If a reply has come back whole: true, and when its message was begun. */
bool client_answered(Client *client, const Options *options, int64_t *begun);

#endif
