#include "acceptor.h"
#include "log.h"
#include "socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_REST = 10 }; /* milliseconds */
enum { DRAIN_FAILURES = 10 }; /* after so many, stop to accept */

/* Any descriptor will do. */
static int open_spare(void)
{
    return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/*
 * Say each new failure once. If the same failure repeats, rest before the
 * next accept: many errors last, and the loop would spin (accept(2)).
 */
static void acceptor_fail(Acceptor *acceptor, int error)
{
    if (error == EAGAIN || error == EINTR)
        return;
    if (error == acceptor->last_error) {
        poll(NULL, 0, ACCEPT_REST);
        return;
    }
    acceptor->last_error = error;
    errno = error;
    log_error("accept");
}

/*
 * A client for whom no descriptor is free stays in the kernel's queue, so the
 * listening socket stays ready and the loop would spin. Close the spare
 * descriptor, accept the client with it, and close the client at once.
 */
static void refuse_with_spare(Acceptor *acceptor)
{
    InetAddress peer;
    char text[INET_ADDRESS_TEXT];

    close(acceptor->spare);
    int fd = socket_accept(acceptor->channel.fd, &peer);
    int error = errno;
    if (fd >= 0)
        close(fd);
    acceptor->spare = open_spare();
    if (fd < 0) {
        acceptor_fail(acceptor, error);
        return;
    }
    log_line("refused %s: no descriptor is free",
             inet_address_format(&peer, text));
}

/* Accept one client. Return 0, or the errno of the failure. */
static int accept_client(Acceptor *acceptor)
{
    InetAddress peer;

    if (acceptor->spare < 0)
        acceptor->spare = open_spare();
    int fd = socket_accept(acceptor->channel.fd, &peer);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0) {
        acceptor->last_error = 0;
        acceptor->on_client(acceptor->context, fd, &peer);
    } else if ((error == EMFILE || error == ENFILE) && acceptor->spare >= 0) {
        refuse_with_spare(acceptor);
    } else {
        acceptor_fail(acceptor, error);
    }
    return error;
}

/* An event may still be in hand after acceptor_drain. */
static void acceptor_on_event(void *context)
{
    Acceptor *acceptor = context;

    if (acceptor->channel.fd >= 0)
        accept_client(acceptor);
}

void acceptor_init(Acceptor *acceptor, EventLoop *loop, int listener,
                   void (*on_client)(void *context, int fd,
                                     const InetAddress *peer),
                   void *context)
{
    *acceptor = (Acceptor){
        .spare = -1,
        .on_client = on_client,
        .context = context,
    };
    channel_init(&acceptor->channel, event_loop_epoll(loop), listener,
                 acceptor_on_event, acceptor);
}

int acceptor_start(Acceptor *acceptor)
{
    acceptor->spare = open_spare();
    if (acceptor->spare < 0) {
        log_error("spare descriptor");
        return -1;
    }
    if (channel_watch(&acceptor->channel, EPOLLIN) < 0) {
        log_error("epoll_ctl");
        return -1;
    }
    return 0;
}

/* accept may fail for one client while others wait: try a few times. */
void acceptor_drain(Acceptor *acceptor)
{
    int failures = 0;
    int error = 0;

    for (int i = 0; i < SOMAXCONN && error != EAGAIN; i++) {
        error = accept_client(acceptor);
        if (error != 0 && ++failures == DRAIN_FAILURES)
            break;
    }
    /* With a copy open in another process, epoll would go on to report it. */
    channel_watch(&acceptor->channel, 0);
    close(acceptor->channel.fd);
    acceptor->channel.fd = -1;
}

void acceptor_close(Acceptor *acceptor)
{
    if (acceptor->spare >= 0)
        close(acceptor->spare);
    if (acceptor->channel.fd >= 0)
        close(acceptor->channel.fd);
}
