/*
 * An echo server: every message goes back to the client that sent it.
 */
#include "tcp_server.h"

#include <signal.h>

static void on_message(void *context, Connection *connection, const char *data,
                       size_t size)
{
    options_delay(context);
    connection_send(connection, data, size);
}

int main(int argc, char **argv)
{
    Options options;
    ConnectionHandler handler = {
        .on_message = on_message,
        .context = &options,
    };

    signal(SIGPIPE, SIG_IGN); /* send(2) fails with EPIPE instead */
    options = options_parse(argc, argv, "apvcfmbdtwi");
    handler.codec = options.codec;
    handler.slow = options.delay > 0;
    return tcp_server_run(&options, &handler) < 0;
}
