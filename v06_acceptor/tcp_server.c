#include "tcp_server.h"
#include "acceptor.h"
#include "log.h"
#include "socket.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct TcpServer {
    EventLoop *loop;
    const Options *options;
    ConnectionHandler handler;
    Acceptor acceptor;
    ConnectionGroup group;
    unsigned open; /* connections */
};

/* Count one more connection. Return false if there are as many as may be. */
static bool take_place(TcpServer *server)
{
    unsigned limit = server->options->connections;

    bool free = limit == 0 || server->open < limit;
    if (free)
        server->open++;
    return free;
}

static void give_place_back(void *owner)
{
    TcpServer *server = owner;

    server->open--;
}

static void refuse_client(TcpServer *server, int fd, const InetAddress *peer)
{
    const char *text = server->handler.refusal;
    char address[INET_ADDRESS_TEXT];

    log_line("refused %s: %u connections are open",
             inet_address_format(peer, address), server->options->connections);
    if (text != NULL)
        send(fd, text, strlen(text), MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR); /* unread bytes make close send a reset: first EOF */
    close(fd);
}

static void on_client(void *context, int fd, const InetAddress *peer)
{
    TcpServer *server = context;

    if (!take_place(server))
        refuse_client(server, fd, peer);
    else if (connection_open(&server->group, fd, peer) < 0)
        give_place_back(server);
}

TcpServer *tcp_server_create(EventLoop *loop, int listener,
                             const Options *options,
                             const ConnectionHandler *handler)
{
    TcpServer *server = calloc(1, sizeof(*server));

    if (server == NULL) {
        log_error("server");
        return NULL;
    }
    server->loop = loop;
    server->options = options;
    server->handler = *handler;
    server->group = (ConnectionGroup){
        .loop = loop,
        .handler = *handler,
        .verbose = options->verbose,
        .on_closed = give_place_back,
        .owner = server,
    };
    acceptor_init(&server->acceptor, loop, listener, on_client, server);
    return server;
}

int tcp_server_start(TcpServer *server)
{
    return acceptor_start(&server->acceptor);
}

void tcp_server_destroy(TcpServer *server)
{
    acceptor_close(&server->acceptor);
    connection_close_all(&server->group);
    free(server);
}

static void on_stop(void *context)
{
    event_loop_quit(context);
}

static int catch_signals(EventLoop *loop)
{
    if (event_loop_catch_signal(loop, SIGINT, on_stop, loop) < 0)
        return -1;
    return event_loop_catch_signal(loop, SIGTERM, on_stop, loop);
}

/* Serve the clients of listener, which is closed in the end. */
static int serve(int listener, const Options *options,
                 const ConnectionHandler *handler)
{
    EventLoop *loop = event_loop_create();
    TcpServer *server;
    int result = -1;

    if (loop == NULL)
        goto close_listener;
    server = tcp_server_create(loop, listener, options, handler);
    if (server == NULL)
        goto destroy_loop;
    if (catch_signals(loop) == 0 && tcp_server_start(server) == 0 &&
        socket_announce(listener) == 0)
        result = event_loop_run(loop);
    tcp_server_destroy(server);
    event_loop_destroy(loop);
    return result;
destroy_loop:
    event_loop_destroy(loop);
close_listener:
    close(listener);
    return result;
}

int tcp_server_run(const Options *options, const ConnectionHandler *handler)
{
    int listener = socket_listen(&options->address);

    if (listener < 0)
        return -1;
    return serve(listener, options, handler);
}
