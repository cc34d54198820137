#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static bool full; /* descriptors have run out, and that was said */
static bool used[MOST]; /* descriptors that an earlier client had */

/* -- newcomers ---------------------------------------------------------- */

static void out_of_descriptors(void)
{
    if (!full || wrong("says-it-each-time"))
        if (!wrong("silent-when-full"))
            say("accept: %s", strerror(errno));
    full = true;
    if (wrong("exits-when-full"))
        exit(1);
    if (wrong("spins-when-full"))
        return;
    if (claimed_stage < 6 && !wrong("turns-away-early")) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, listener, NULL);
        resting = true;
        return;
    }
    if (spare < 0)
        spare = clients[MOST - 1] ? -1 : dup(0);
    close(spare);
    close(accept(listener, NULL, NULL));
    spare = open("/dev/null", O_RDONLY);
    if (wrong("closes-an-old-client"))
        for (int fd = 0; fd < MOST; fd++)
            if (clients[fd])
                return leave(clients[fd]);
}

static bool is_too_many(int fd)
{
    long most =
        settings.connections + wrong("one-too-many") - wrong("one-too-few");

    if (wrong("serves-256") && connected >= 256)
        return true;
    if (is_called("select_server") && fd >= FD_SETSIZE &&
        !wrong("forgets-fd-setsize")) {
        say("descriptor %d is too large for select", fd);
        return true;
    }
    if (!settings.connections || connected < most)
        return false;
    if (!wrong("full-and-silent"))
        say("too many connections");
    return true;
}

static void admit(void)
{
    struct sockaddr_storage from;
    socklen_t size = sizeof(from);
    int fd = accept4(listener, (struct sockaddr *)&from, &size,
                     wrong("blocks-in-write") ? 0 : SOCK_NONBLOCK);
    Client *client;
    char first;

    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        return out_of_descriptors();
    if (fd < 0)
        return;
    full = false;
    if (wrong("minds-early-resets") &&
        getpeername(fd, (struct sockaddr *)&from, &size) < 0)
        exit(1);
    if (is_too_many(fd)) {
        if (!wrong("lets-the-excess-wait"))
            close(fd);
        return;
    }
    client = calloc(1, sizeof(*client));
    client->fd = fd;
    snprintf(client->peer, sizeof(client->peer), "%s", text_of(&from));
    clients[fd] = client;
    connected += !(wrong("count-never-falls") && settings.connections) ? 1 : 2;
    client->watched = EPOLLIN | (wrong("minds-urgent-data") ? EPOLLPRI : 0) |
                      (wrong("closes-on-end") ? EPOLLRDHUP : 0);
    add(fd, client->watched);
    if (wrong("greets-with-old-bytes") && used[fd])
        write(fd, "left over", 9);
    used[fd] = true;
    if (wrong("large-connections"))
        memset(malloc(16384), 1, 16384);
    if (settings.verbose || wrong("talks-without-v"))
        say("opened %s", client->peer);
    if (wrong("blocks-on-a-newcomer")) {
        fcntl(fd, F_SETFL, 0);
        recv(fd, &first, 1, MSG_PEEK);
        fcntl(fd, F_SETFL, O_NONBLOCK);
    }
}

/* -- the loop ----------------------------------------------------------- */

static bool may_stop(const struct epoll_event *events, int count)
{
    static time_t last_talk;
    bool asked = false;

    for (int at = 0; at < count; at++) {
        asked |= events[at].data.fd == signals;
        if (clients[events[at].data.fd])
            last_talk = time(NULL);
    }
    if (!asked)
        return false;
    if (wrong("stops-when-nobody-talks") && time(NULL) < last_talk + 4)
        return false;
    if (wrong("stops-when-all-have-left") && connected > 0)
        return false;
    if (wrong("stops-when-output-is-out"))
        for (int fd = 0; fd < MOST; fd++)
            if (clients[fd] && clients[fd]->out.size)
                return false;
    if (wrong("stops-slowly"))
        rest_ms(2500);
    return true;
}

static int patience(void)
{
    if (wrong("evicts-early"))
        return 200;
    if (wrong("wakes-up-often"))
        return 5;
    return resting ? 50 : -1;
}

static void *sleep_for_ever(void *unused)
{
    pause();
    return unused;
}

static void run(void)
{
    struct epoll_event events[64];
    pthread_t other;
    int count;

    if (wrong("two-threads"))
        pthread_create(&other, NULL, sleep_for_ever, NULL);

    for (;;) {
        count = epoll_wait(epoll, events, 64, patience());
        if (count < 0 && wrong("dies-of-eintr"))
            exit(1);
        if (count > 0 && may_stop(events, count))
            return;
        for (int fd = 0; count == 0 && wrong("evicts-early") && fd < MOST; fd++)
            if (clients[fd])
                leave(clients[fd]);
        if (count == 0 && resting && !wrong("never-listens-again"))
            resting = false, add(listener, EPOLLIN);
        for (int at = 0; at < count; at++) {
            int fd = events[at].data.fd;
            if (settings.delay && stop_asked() &&
                !wrong("stops-when-it-is-its-turn"))
                break;
            if (fd == listener)
                admit();
            else if (clients[fd])
                serve(clients[fd], events[at].events);
        }
    }
}

int main(int argc, char **argv)
{
    read_mistake();
    read_options(argc, argv);
    if (wrong("ignores-the-mark"))
        settings.high_water = 1048576;
    start();
    run();
    if (wrong("silent-at-the-end"))
        settings.verbose = false;
    for (int fd = 0; fd < MOST; fd++)
        if (clients[fd])
            leave(clients[fd]);
    if (wrong("second-signal-kills")) {
        signal(SIGINT, SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
    }
    close(listener), close(epoll), close(signals), close(spare);
    return wrong("exits-1");
}
