/*
 * A character generator (RFC 864): each client is sent lines of 72 characters
 * for as long as it reads, each line one character further on. What a client
 * sends is thrown away.
 */
#include "tcp_server.h"

#include <signal.h>

enum { FIRST = ' ', COUNT = '~' - ' ' + 1, WIDTH = 72 };

/* After as many lines as there are characters, the lines repeat. */
static char lines[COUNT][WIDTH + 2];

static void fill_lines(void)
{
    for (int line = 0; line < COUNT; line++) {
        for (int i = 0; i < WIDTH; i++)
            lines[line][i] = (char)(FIRST + (line + i) % COUNT);
        lines[line][WIDTH] = '\r';
        lines[line][WIDTH + 1] = '\n';
    }
}

/* The next lines follow when these are out: a slow reader costs 7 KB. */
static void send_lines(void *context, Connection *connection)
{
    (void)context;
    connection_send(connection, lines, sizeof(lines));
}

static void on_message(void *context, Connection *connection, const char *data,
                       size_t size)
{
    (void)context;
    (void)connection;
    (void)data;
    (void)size;
}

int main(int argc, char **argv)
{
    Options options;
    ConnectionHandler handler = {
        .codec = codec_raw(),
        .on_open = send_lines,
        .on_message = on_message,
        .on_write_complete = send_lines,
        .talks_on = true,
    };

    signal(SIGPIPE, SIG_IGN); /* send(2) fails with EPIPE instead */
    options = options_parse(argc, argv, "apvcti");
    fill_lines();
    return tcp_server_run(&options, &handler) < 0;
}
