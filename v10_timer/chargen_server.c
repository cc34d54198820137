/*
 * A character generator: RFC 864. Whoever connects is sent lines of 72
 * characters, each line one character further on, for as long as it reads.
 * What it sends is thrown away.
 */
#include "tcp_server.h"

#include <signal.h>

enum { FIRST = ' ', COUNT = '~' - ' ' + 1, WIDTH = 72 };

/* The lines repeat after as many as there are characters: send them all. */
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

/* The next lines go out when these have; a slow reader makes no heap. */
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

    signal(SIGPIPE, SIG_IGN); /* write(2) fails with EPIPE instead */
    options = options_parse(argc, argv, "apvcti");
    fill_lines();
    return tcp_server_run(&options, &handler) < 0;
}
