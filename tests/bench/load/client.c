#include "client.h"
#include "bytes.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Neighbours send parts of the stream that lie so many bytes apart. */
enum { STEP = 7919 };

static uint64_t position(const Client *client, uint64_t offset)
{
    return (uint64_t)client->number * STEP + offset;
}

/*
 * Clients come from several addresses: each closes first, so its port rests
 * for a while, and one address alone would run out of them.
 */
static void choose_source(const Client *client, const Options *options)
{
    const int on = 1;
    struct sockaddr_in from = {.sin_family = AF_INET};

    if (ntohl(options->address.sin_addr.s_addr) >> 24 != 127)
        return;
    from.sin_addr.s_addr =
        htonl(INADDR_LOOPBACK + 1 + (uint32_t)client->number % 64);
    setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
               sizeof(on));
    if (bind(client->fd, (struct sockaddr *)&from, sizeof(from)) < 0)
        err(1, "bind");
}

void client_open(Client *client, const Options *options)
{
    const int on = 1;

    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        err(1, "client %d: socket", client->number);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    choose_source(client, options);
    if (connect(client->fd, (const struct sockaddr *)&options->address,
                sizeof(options->address)) < 0 &&
        errno != EINPROGRESS)
        err(1, "client %d: connect", client->number);
    if (client->times == NULL)
        client->times = calloc((size_t)options->flight, sizeof(int64_t));
    if (client->times == NULL)
        err(1, "times");
    client->sent = client->received = client->granted = 0;
    client->begun = client->answered = 0;
    client->waits_to_write = client->shut = false;
}

void client_close(Client *client)
{
    close(client->fd);
    client->fd = -1;
}

void client_grant(Client *client, const Options *options, long messages,
                  int64_t now)
{
    uint64_t size = (uint64_t)options->size;
    uint64_t flight = (uint64_t)options->flight;

    if (client->begun == client->answered)
        client->complete_at = client->received + size;
    for (long i = 0; i < messages; i++)
        client->times[client->begun++ % flight] = now;
    client->granted += (uint64_t)messages * size;
}

void client_send(Client *client)
{
    client->waits_to_write = false;
    while (client->sent < client->granted) {
        uint64_t left = client->granted - client->sent;
        size_t size = left < BYTES_PIECE ? (size_t)left : BYTES_PIECE;
        ssize_t sent =
            send(client->fd, bytes_at(position(client, client->sent)), size,
                 MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            client->waits_to_write = true;
            return;
        }
        if (sent < 0)
            err(1, "client %d: send, %" PRIu64 " bytes after its start",
                client->number, client->sent);
        client->sent += (uint64_t)sent;
    }
}

static _Noreturn void report_difference(const Client *client,
                                        const char *expected, const char *got)
{
    size_t at = 0;

    while (expected[at] == got[at])
        at++;
    errx(1,
         "client %d: byte %" PRIu64
         " that came back is 0x%02x, and 0x%02x was sent: "
         "the server changed, lost or repeated something",
         client->number, (client->received + at), (unsigned char)got[at],
         (unsigned char)expected[at]);
}

static void check(Client *client, const char *got, size_t size)
{
    const char *expected = bytes_at(position(client, client->received));

    if (size > client->sent - client->received)
        errx(1, "client %d: %zu bytes came back that were never sent",
             client->number, size - (size_t)(client->sent - client->received));
    if (memcmp(expected, got, size) != 0)
        report_difference(client, expected, got);
    client->received += size;
}

Received client_receive(Client *client)
{
    static char piece[BYTES_PIECE];
    ssize_t size = recv(client->fd, piece, sizeof(piece), 0);

    if (size < 0 && errno == EAGAIN)
        return RECEIVED_NOTHING;
    if (size < 0)
        err(1,
            "client %d: the server's end, %" PRIu64 " bytes of %" PRIu64
            " came back",
            client->number, client->received, client->sent);
    if (size > 0) {
        check(client, piece, (size_t)size);
        return RECEIVED_SOME;
    }
    if (!client->shut || client->received < client->sent)
        errx(1,
             "client %d: the server closed the connection, %" PRIu64
             " bytes of %" PRIu64 " "
             "came back",
             client->number, client->received, client->sent);
    return RECEIVED_END;
}

bool client_answered(Client *client, const Options *options, int64_t *begun)
{
    if (client->answered == client->begun ||
        client->received < client->complete_at)
        return false;
    *begun = client->times[client->answered++ % (uint64_t)options->flight];
    client->complete_at += (uint64_t)options->size;
    return true;
}
