/*
 * How http_server reads requests. The server is here as it stands, without
 * the parts under it: the few functions of theirs that it calls are told anew
 * below, and note what it does with them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#define main server_main
#define time fixed_time /* so that an input always gets the same answer */
static time_t fixed_time(time_t *now);
int server_main(int argc, char **argv);
#include "http_server.c"
#undef main
#undef time

#include "feed.h"
#include "http_reference.h"

static ConnectionHandler server; /* its functions */
static char sent[1024]; /* the answer to the message in hand */
static size_t sent_size;
static bool finished;

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static time_t fixed_time(time_t *now)
{
    (void)now;
    return 1; /* a second after the beginning of 1970 */
}

Options options_parse(int argc, char **argv, const char *letters)
{
    (void)argc;
    (void)argv;
    (void)letters;
    return (Options){0};
}

int tcp_server_run(const Options *options, const ConnectionHandler *handler)
{
    (void)options;
    server = *handler;
    return 0;
}

void options_delay(const Options *options)
{
    (void)options;
}

void connection_send(Connection *connection, const void *data, size_t size)
{
    (void)connection;
    if (finished)
        wrong("%zu bytes are sent after the end", size);
    if (size >= sizeof(sent) - sent_size)
        wrong("an answer of more than %zu bytes", sent_size + size);
    memcpy(sent + sent_size, data, size);
    sent_size += size;
    sent[sent_size] = '\0';
}

void connection_finish(Connection *connection)
{
    (void)connection;
    finished = true;
}

/* A field's value in what was sent; "" when it has no such field. */
static const char *field(const char *name, char value[static 64])
{
    const char *at = strstr(sent, name);

    value[0] = '\0';
    if (at != NULL) {
        at += strlen(name);
        size_t size = strcspn(at, "\r");
        snprintf(value, 64, "%.*s", (int)size, at);
    }
    return value;
}

static void expect_body(const Answer *answer)
{
    char length[64];
    const char *body = strstr(sent, "\r\n\r\n");

    if (body == NULL)
        wrong("no empty line in the answer %s", sent);
    body += strlen("\r\n\r\n");
    if (!answer->has_body && body[0] != '\0')
        wrong("a body, expected none: %s", sent);
    if (answer->has_body &&
        strlen(body) != strtoul(field("\r\nContent-Length: ", length), 0, 10))
        wrong("a body of another length: %s", sent);
}

static void expect_answer(const Answer *answer, const char *data, size_t size)
{
    char start[32], value[64];
    bool last =
        answer->connection != NULL && strcmp(answer->connection, "close") == 0;

    snprintf(start, sizeof(start), "HTTP/1.1 %d ", answer->status);
    if (strncmp(sent, start, strlen(start)) != 0)
        wrong("expected status %d to \"%.*s\", got: %s", answer->status,
              (int)size, data, sent);
    if (strcmp(field("\r\nConnection: ", value),
               answer->connection ? answer->connection : "") != 0)
        wrong("Connection should be %s after \"%.*s\": %s",
              answer->connection ? answer->connection : "left out", (int)size,
              data, sent);
    if (finished != last)
        wrong("the connection %s after \"%.*s\": %s",
              finished ? "ends" : "does not end", (int)size, data, sent);
    expect_body(answer);
}

static bool on_head(const char *data, size_t size)
{
    Answer answer = http_reference_answer(data, size);

    sent_size = 0;
    finished = false;
    server.on_message(NULL, NULL, data, size);
    if (answer.status != 0)
        expect_answer(&answer, data, size);
    else if (sent_size > 0 || finished)
        wrong("an empty line before a request has an answer: %s", sent);
    return !finished;
}

static void on_long_head(void)
{
    const Answer answer = {431, false, "close"};

    sent_size = 0;
    finished = false;
    server.on_too_long(NULL, NULL);
    expect_answer(&answer, "a head too long", strlen("a head too long"));
}

static void expect_refusal(void)
{
    const Answer answer = {503, false, "close"};

    snprintf(sent, sizeof(sent), "%s", server.refusal);
    finished = true;
    expect_answer(&answer, "one client too many",
                  strlen("one client too many"));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    int result = server_main(*argc, *argv);

    expect_refusal();
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    const Codec codec = {server.codec.find, HTTP_LONGEST_HEAD};
    const Expected expected = {codec, http_reference_find, on_head,
                               on_long_head};

    feed(&expected, input, size);
    return 0;
}
