/*
 * Acceptor: watches a listening socket and hands each new client up.
 *
 * Owned by whoever holds the struct, used by its loop's thread alone. It owns
 * the listening socket; a client's descriptor belongs to whom it was handed
 * to.
 */
#ifndef ACCEPTOR_H
#define ACCEPTOR_H

#include "event_loop.h"
#include "inet_address.h"

typedef struct Acceptor {
    Channel channel;
    int spare; /* kept open, to be given up when no other is left */
    unsigned refused; /* clients, because no descriptor was free */
    int last_error; /* what accept last failed with: said only once */
    void (*on_client)(void *context, int fd, const InetAddress *peer);
    void *context;
} Acceptor;

/*
 * Calls on_client, on the loop's thread, for each client that connects to
 * listener. Returns 0, or -1; then what failed has been said, and listener is
 * still the caller's.
 */
int acceptor_open(Acceptor *acceptor, EventLoop *loop, int listener,
                  void (*on_client)(void *context, int fd,
                                    const InetAddress *peer),
                  void *context);

/*
 * Hands up the clients that are in the queue already, and closes the
 * listening socket: whoever comes now is refused by the kernel.
 */
void acceptor_drain(Acceptor *acceptor);

/* Closes the listening socket too. */
void acceptor_close(Acceptor *acceptor);

#endif
