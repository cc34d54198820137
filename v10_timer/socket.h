/*
 * Socket: the system calls that make TCP sockets. A socket is its
 * descriptor; whoever is given one closes it. Any thread may call these.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include "inet_address.h"

/*
 * Opens a socket, binds it to address and listens. Returns the descriptor,
 * or -1; then what failed has been said on standard error.
 */
int socket_listen(const InetAddress *address);

/*
 * Says on standard output where clients can connect: after port 0 only the
 * system knows. Returns 0, or -1; then what failed has been said.
 */
int socket_announce(int listener);

/*
 * Takes the next client from the queue of a listening socket, and its
 * address. Returns the descriptor, or -1 with errno set, see accept(2).
 */
int socket_accept(int listener, InetAddress *peer);

/*
 * For how many milliseconds no byte has come in and none has gone out for the
 * first time, by the kernel's own count: see TCP_INFO in tcp(7). 0 where it
 * does not tell.
 */
unsigned socket_idle(int fd);

#endif
