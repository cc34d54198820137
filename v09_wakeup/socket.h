/*
 * Socket: the system calls that make TCP sockets. A socket is its
 * descriptor. Whoever gets a descriptor from here owns it and closes it. Any
 * thread may call these functions.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include "inet_address.h"

/*
 * Open a socket, bind it to address and listen. Return the descriptor, or -1
 * after a message on standard error.
 */
int socket_listen(const InetAddress *address);

/*
 * Print the ready line on standard output: the address and port where clients
 * can connect. After port 0, only the system knows the port. Wait until the
 * line is out, or until the program is told to stop. Return 0, or -1 after a
 * message on standard error.
 */
int socket_announce(int listener);

/*
 * Accept the next client of a listening socket, and set peer to the client's
 * address. Return the descriptor, or -1 with errno set: see accept(2).
 */
int socket_accept(int listener, InetAddress *peer);

#endif
