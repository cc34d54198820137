#include "acceptor.h"
#include "log.h"
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

enum { REST = 10 }; /* milliseconds */
enum { TRIES = 10 }; /* to accept who has come, before the end */

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/*
 * Some errors are one client's, and gone with it: see accept(2). What fails
 * again in the same way is said once, and not tried again at once.
 */
static void handle_failure(Acceptor *acceptor, int error)
{
    if (error == EAGAIN || error == EINTR)
        return;
    if (error == acceptor->last_error) {
        poll(NULL, 0, REST);
        return;
    }
    acceptor->last_error = error;
    errno = error;
    log_error("accept");
}

/*
 * A client that can't be accepted stays in the queue, and the listening
 * socket stays ready: the loop would spin. So the spare descriptor is given
 * up for it, to tell it by closing that there is no place.
 */
static void refuse(Acceptor *acceptor)
{
    InetAddress peer;
    char text[INET_ADDRESS_TEXT];

    close(acceptor->spare);
    int fd = socket_accept(acceptor->channel.fd, &peer);
    int error = errno;
    if (fd >= 0)
        close(fd);
    acceptor->spare = open_spare();
    acceptor->refused += fd >= 0;
    if (fd >= 0)
        log_line("refused %s: no descriptor is free",
                 inet_address_format(&peer, text));
    else
        handle_failure(acceptor, error);
}

/* Returns 0, or the error for which none could be accepted. */
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
    } else if ((errno == EMFILE || errno == ENFILE) && acceptor->spare >= 0) {
        refuse(acceptor);
    } else {
        handle_failure(acceptor, errno);
    }
    return error;
}

static void handle_event(void *context)
{
    Acceptor *acceptor = context;

    if (acceptor->channel.fd >= 0)
        accept_client(acceptor);
}

int acceptor_open(Acceptor *acceptor, EventLoop *loop, int listener,
                  void (*on_client)(void *context, int fd,
                                    const InetAddress *peer),
                  void *context)
{
    *acceptor = (Acceptor){.on_client = on_client, .context = context};
    channel_init(&acceptor->channel, event_loop_epoll(loop), listener,
                 handle_event, acceptor);
    acceptor->spare = open_spare();
    if (acceptor->spare < 0) {
        log_error("open /dev/null");
        return -1;
    }
    if (channel_watch(&acceptor->channel, EPOLLIN) < 0) {
        log_error("epoll_ctl");
        close(acceptor->spare);
        return -1;
    }
    return 0;
}

/* Most errors are one client's: others may wait behind it. */
void acceptor_drain(Acceptor *acceptor)
{
    int tries = TRIES;
    int error = 0;

    for (int i = 0; i < SOMAXCONN && tries > 0 && error != EAGAIN; i++) {
        error = accept_client(acceptor);
        tries -= error != 0;
    }
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
