/*
 * An echo server: every message goes back to whom it came from.
 */
#include "log.h"
#include "tcp_server.h"

#include <signal.h>

static void on_message(void *context, Connection *connection, const char *data,
                       size_t size)
{
    (void)context;
    connection_send(connection, data, size);
}

static void on_message_slowly(void *context, Connection *connection,
                              const char *data, size_t size)
{
    options_delay(context);
    connection_send(connection, data, size);
}

static void on_too_long(void *context, Connection *connection)
{
    char text[INET_ADDRESS_TEXT];

    (void)context;
    log_line("message too long from %s",
             inet_address_format(connection_peer(connection), text));
}

int main(int argc, char **argv)
{
    Options options;
    ConnectionHandler handler = {
        .on_message = on_message,
        .on_too_long = on_too_long,
        .context = &options,
    };

    signal(SIGPIPE, SIG_IGN); /* write(2) fails with EPIPE instead */
    options = options_parse(argc, argv, "apvcfmbdtwi");
    handler.codec = options.codec;
    if (options.delay > 0)
        handler.on_message = on_message_slowly;
    return tcp_server_run(&options, &handler) < 0;
}
