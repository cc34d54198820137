/*
 * Acceptor: watches a listening socket and hands each new client up.
 *
 * The holder of the struct owns it, and uses it only from its loop's thread.
 * The acceptor owns the listening socket; whoever is handed a client owns the
 * client's descriptor.
 */
#ifndef ACCEPTOR_H
#define ACCEPTOR_H

#include "event_loop.h"
#include "inet_address.h"

typedef struct Acceptor {
    Channel channel;
    int spare; /* kept open, to be closed when no other is free; -1: none */
    int last_error; /* errno of the last failure that was said; 0: none */
    void (*on_client)(void *context, int fd, const InetAddress *peer);
    void *context;
} Acceptor;

/* Prepare to call on_client, on the loop's thread, for each new client. */
void acceptor_init(Acceptor *acceptor, EventLoop *loop, int listener,
                   void (*on_client)(void *context, int fd,
                                     const InetAddress *peer),
                   void *context);

/* Watch for clients. Return 0, or -1 after saying what failed. */
int acceptor_start(Acceptor *acceptor);

/* Close the listening socket and the spare descriptor. */
void acceptor_close(Acceptor *acceptor);

#endif
