/*
 * TcpServer: an acceptor, the connections that it brings, and the threads
 * that serve them.
 *
 * The creator of a server owns it, and uses it only from the main loop's
 * thread. The server owns the listening socket, the connections, the I/O
 * threads and the workers; not the loop.
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

/*
 * Start the threads, and watch for clients. Signals to catch must be caught
 * before. Return 0, or -1 after saying what failed.
 */
int tcp_server_start(TcpServer *server);

/*
 * Drain: take no more clients, answer every message that has come, close each
 * connection once its replies are out. Then, or after 3 seconds, end the
 * loop; when called again, end it at once.
 */
void tcp_server_drain(TcpServer *server);

/*
 * Close the connections that are left, as they stand, and free the server.
 * Return 0, or -1 when an I/O thread's loop had failed.
 */
int tcp_server_destroy(TcpServer *server);

/*
 * Serve the clients of listener, which is closed in the end, until SIGINT or
 * SIGTERM. If announce, say on standard output where clients can connect.
 * Return 0, or -1 after saying what failed.
 */
int tcp_server_serve(int listener, bool announce, const Options *options,
                     const ConnectionHandler *handler);

/*
 * The whole life of a server program: listen where the options say, serve
 * until SIGINT or SIGTERM, clean up. Return 0, or -1 after saying what failed.
 */
int tcp_server_run(const Options *options, const ConnectionHandler *handler);

#endif
