#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

int listener, epoll, signals, spare = -1;

const char *text_of(const struct sockaddr_storage *from)
{
    static char text[80];
    char host[INET6_ADDRSTRLEN];
    const struct sockaddr_in *v4 = (const void *)from;
    const struct sockaddr_in6 *v6 = (const void *)from;

    if (from->ss_family == AF_INET)
        snprintf(text, sizeof(text), "%s:%d",
                 inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host)),
                 ntohs(v4->sin_port));
    else
        snprintf(text, sizeof(text), wrong("no-brackets") ? "%s:%d" : "[%s]:%d",
                 inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host)),
                 ntohs(v6->sin6_port));
    return text;
}

static void fail(const char *call, const char *what)
{
    if (wrong("failure-without-reason"))
        say("%s failed", call);
    else if (!wrong("fails-silently"))
        say("%s %s: %s", call, what, strerror(errno));
    exit(wrong("failure-exits-2") ? 2 : 1);
}

static socklen_t own_address(struct sockaddr_storage *own)
{
    struct sockaddr_in *v4 = (void *)own;
    struct sockaddr_in6 *v6 = (void *)own;

    memset(own, 0, sizeof(*own));
    if (inet_pton(AF_INET6, settings.address, &v6->sin6_addr) == 1) {
        own->ss_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)settings.port);
        return sizeof(*v6);
    }
    own->ss_family = AF_INET;
    inet_pton(AF_INET, settings.address, &v4->sin_addr);
    v4->sin_port = htons((uint16_t)settings.port);
    if (wrong("listens-everywhere"))
        v4->sin_addr.s_addr = 0;
    return sizeof(*v4);
}

static void announce(void)
{
    struct sockaddr_storage own;
    socklen_t size = sizeof(own);

    getsockname(listener, (struct sockaddr *)&own, &size);
    if (wrong("says-the-port-asked-for"))
        own_address(&own);
    if (wrong("listens-everywhere"))
        ((struct sockaddr_in *)&own)->sin_addr.s_addr = inet_addr("127.0.0.1");
    printf("listening on %s\n", text_of(&own));
    if (wrong("extra-line-on-stdout"))
        puts("press Ctrl-C to stop");
    if (!wrong("ready-line-not-flushed"))
        fflush(stdout);
}

static void start_listening(void)
{
    struct sockaddr_storage own;
    socklen_t size = own_address(&own);
    int on = 1;

    listener = socket(own.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (listener < 0)
        fail("socket", settings.address);
    if (!wrong("no-reuseaddr"))
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (wrong("shares-the-port"))
        setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (!wrong("drops-urgent-bytes"))
        setsockopt(listener, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&own, size) < 0) {
        if (!(errno == EACCES && wrong("takes-another-port")))
            fail("bind", text_of(&own));
    }
    if (wrong("ready-too-early")) {
        announce();
        rest_ms(50);
    }
    if (listen(listener, 4096) < 0)
        fail("listen", text_of(&own));
}

int add(int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void start(void)
{
    sigset_t set;

    sigemptyset(&set);
    if (!wrong("ignores-sigterm"))
        sigaddset(&set, SIGTERM);
    else
        signal(SIGTERM, SIG_IGN);
    bool ignored = wrong("stays-deaf") && signal(SIGINT, SIG_IGN) == SIG_IGN;
    if (!wrong("forgets-sigint") && !ignored)
        sigaddset(&set, SIGINT);
    if (!wrong("dies-of-sigpipe"))
        signal(SIGPIPE, SIG_IGN);
    start_listening();
    epoll = epoll_create1(0);
    signals = signalfd(-1, &set, SFD_NONBLOCK);
    if ((epoll < 0 || signals < 0) && !wrong("start-unchecked"))
        fail("epoll_create1", "");
    if (claimed_stage >= 6)
        spare = open("/dev/null", O_RDONLY);
    if (wrong("deaf-for-a-moment")) {
        announce();
        rest_ms(2);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (wrong("now-and-then-deaf") && getpid() % 20 == 0)
        sigprocmask(SIG_BLOCK, &set, NULL), sigemptyset(&set),
            signals = signalfd(signals, &set, 0);
    add(listener, EPOLLIN);
    add(signals, EPOLLIN);
    if (!wrong("ready-too-early") && !wrong("deaf-for-a-moment"))
        announce();
}
