/*
 * An echo server: every message goes back to whom it came from.
 */
#include "tcp_server.h"

static void on_message(void *context, Connection *connection, const char *data,
                       size_t size)
{
    (void)context;
    connection_send(connection, data, size);
}

int main(int argc, char **argv)
{
    Options options = options_parse(argc, argv);
    ConnectionHandler handler = {
        .on_message = on_message,
    };

    return tcp_server_run(&options, &handler) < 0;
}
