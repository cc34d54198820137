/*
 * An echo server: every message goes back to the client that sent it.
 */
#include "tcp_server.h"

#include <signal.h>

static void on_message(void *context, Connection *connection, const char *data,
                       size_t size)
{
    (void)context;
    connection_send(connection, data, size);
}

int main(int argc, char **argv)
{
    Options options;
    ConnectionHandler handler = {
        .on_message = on_message,
    };

    signal(SIGPIPE, SIG_IGN); /* write(2) fails with EPIPE instead */
    options = options_parse(argc, argv);
    return tcp_server_run(&options, &handler) < 0;
}
