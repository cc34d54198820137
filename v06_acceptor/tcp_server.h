/*
 * TcpServer: an acceptor, and the connections that it brings.
 *
 * The creator of a server owns it, and uses it only from its loop's thread.
 * The server owns the listening socket and the connections; not the loop.
 */
#ifndef TCP_SERVER_H
#define TCP_SERVER_H

#include "connection.h"
#include "options.h"

typedef struct TcpServer TcpServer;

/*
 * Create a server for the clients of listener, which it owns from now on.
 * The options must outlive it. Return NULL after saying what failed; then
 * the listener is still the caller's.
 */
TcpServer *tcp_server_create(EventLoop *loop, int listener,
                             const Options *options,
                             const ConnectionHandler *handler);

/* Watch for clients. Return 0, or -1 after saying what failed. */
int tcp_server_start(TcpServer *server);

/* Close the connections that are left, as they stand, and free the server. */
void tcp_server_destroy(TcpServer *server);

/*
 * The whole life of a server program: listen where the options say, serve
 * until SIGINT or SIGTERM, clean up. Return 0, or -1 after saying what failed.
 */
int tcp_server_run(const Options *options, const ConnectionHandler *handler);

#endif
