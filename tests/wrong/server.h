/*
 * A correct server that can be told to be wrong. The environment says how:
 * WRONG names one of the mistakes in catalogue.py, WRONG_STAGE the stage that
 * it claims to be (7 unless told).
 */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Bytes {
    char *data;
    size_t size, room;
} Bytes;

typedef struct Client {
    int fd;
    char peer[64];
    Bytes in, out;
    size_t scanned; /* bytes of the input without an end of message */
    size_t served; /* messages handled */
    uint32_t watched; /* the events that epoll looks for */
    bool ended; /* the peer sends no more */
    bool refused; /* no more messages of this one are handled */
    bool shut; /* our side is shut: what still comes is thrown away */
    bool paused;
} Client;

typedef struct Settings {
    const char *address, *framing;
    long port, connections, longest, high_water, delay;
    bool verbose;
} Settings;

struct sockaddr_storage;

enum { MOST = 20000, READ_SIZE = 65536 };

extern Settings settings;
extern int claimed_stage;
extern int listener, epoll, signals, spare;
extern bool resting; /* not listening, for want of descriptors */
extern long connected;
extern Client *clients[MOST]; /* by descriptor */

/* mistakes.c */
void read_mistake(void);
bool wrong(const char *mistake);
bool is_called(const char *program);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool stop_asked(void);
void rest_ms(long ms);

/* start.c */
const char *text_of(const struct sockaddr_storage *from);
int add(int fd, uint32_t events);
void start(void);

/* clients.c */
void leave(Client *client);
void serve(Client *client, uint32_t events);

/* options.c */
void read_options(int argc, char **argv);

/*
 * messages.c: size of the first message in size bytes, 0: not yet, -1: too
 * long. In the first scanned bytes an earlier call found no end.
 */
long find_message(const char *data, size_t size, size_t scanned);

/* http.c: answers the request; size as above, *last is set if none may follow. */
long answer_request(const char *data, size_t size, Bytes *reply, bool *last);

void append(Bytes *bytes, const void *data, size_t size);
void consume(Bytes *bytes, size_t size);
void release(Bytes *bytes);

#endif
