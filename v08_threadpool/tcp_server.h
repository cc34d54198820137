/*
 * TcpServer: an acceptor and the connections that it brought.
 *
 * Owned by whoever created it; used by its loop's thread alone. It owns the
 * listening socket, the connections, the I/O threads that serve them, and the
 * workers; not the loop.
 */
#ifndef TCP_SERVER_H
#define TCP_SERVER_H

#include "connection.h"

typedef struct TcpServer TcpServer;

/*
 * Serves the clients that connect to listener, once the loop runs. options
 * must outlive the server. Returns NULL when it can't; then what failed has
 * been said, and listener is still the caller's.
 */
TcpServer *tcp_server_create(EventLoop *loop, int listener,
                             const Options *options,
                             const ConnectionHandler *handler);

/*
 * Closes the connections that are left, as they stand. Returns 0, or -1 when
 * an I/O thread could not go on; then why has been said.
 */
int tcp_server_destroy(TcpServer *server);

/*
 * Serves on a listening socket, which it closes, until SIGINT or SIGTERM;
 * says on standard output, if announce, where clients can connect. Returns
 * 0, or -1; then what failed has been said.
 */
int tcp_server_serve(int listener, bool announce, const Options *options,
                     const ConnectionHandler *handler);

/*
 * The whole life of a server program: listens where options say, serves
 * until SIGINT or SIGTERM, and cleans up. Returns 0, or -1; then what failed
 * has been said.
 */
int tcp_server_run(const Options *options, const ConnectionHandler *handler);

#endif
