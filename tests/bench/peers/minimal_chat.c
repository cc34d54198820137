/*
 * The base of the chat's comparison: what chat_server says to its clients,
 * with one thread and one level-triggered epoll(7). A line is handed to each
 * member by send(2) at once; only what the kernel did not take is kept.
 */
#include "start.h"

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 256, LONGEST = 8 * 1024, PREFIX = 32 };

typedef struct Member {
    struct Member *next;
    struct Member **place; /* the pointer that points here */
    int fd;
    unsigned number;
    bool leaving; /* its socket is shut down: the next event drops it */
    char *rest; /* what the kernel did not take; NULL: it took all */
    size_t rest_size;
    size_t held; /* bytes of a line that is not whole */
    char input[LONGEST];
} Member;

static int loop;
static Member *members;
static unsigned last_number;

static void watch(int operation, Member *member, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = member};

    if (epoll_ctl(loop, operation, member->fd, &event) < 0)
        err(1, "epoll_ctl");
}

/* A member may not be freed while a line goes round. */
static void dismiss(Member *member)
{
    member->leaving = true;
    shutdown(member->fd, SHUT_RDWR);
}

static void keep(Member *member, const char *text, size_t size)
{
    char *rest = realloc(member->rest, member->rest_size + size);

    if (rest == NULL || member->rest_size + size > HIGH_WATER) {
        member->rest = rest != NULL ? rest : member->rest;
        dismiss(member);
        return;
    }
    if (member->rest == NULL)
        watch(EPOLL_CTL_MOD, member, EPOLLIN | EPOLLOUT);
    memcpy(rest + member->rest_size, text, size);
    member->rest = rest;
    member->rest_size += size;
}

static void tell(Member *member, const char *text, size_t size)
{
    ssize_t sent = 0;

    if (member->leaving)
        return;
    if (member->rest == NULL)
        sent = send(member->fd, text, size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        dismiss(member);
    else if (sent < (ssize_t)size)
        keep(member, text + (sent < 0 ? 0 : sent),
             size - (size_t)(sent < 0 ? 0 : sent));
}

static void tell_others(const Member *but, const char *text, size_t size)
{
    for (Member *member = members; member != NULL; member = member->next)
        if (member != but)
            tell(member, text, size);
}

static void announce(const Member *but, unsigned number, const char *what)
{
    char text[PREFIX];
    int size = snprintf(text, sizeof(text), "* %u %s\n", number, what);

    tell_others(but, text, (size_t)size);
}

static void let_in(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    Member *member = fd < 0 ? NULL : malloc(sizeof(*member));
    char text[PREFIX];

    if (member == NULL)
        return;
    *member = (Member){.next = members, .place = &members, .fd = fd};
    member->number = ++last_number;
    watch(EPOLL_CTL_ADD, member, EPOLLIN);
    if (members != NULL)
        members->place = &member->next;
    members = member;
    int size = snprintf(text, sizeof(text), "you are %u\n", member->number);
    tell(member, text, (size_t)size);
    announce(member, member->number, "came");
}

static void drop(Member *member)
{
    *member->place = member->next;
    if (member->next != NULL)
        member->next->place = member->place;
    announce(NULL, member->number, "left");
    close(member->fd);
    free(member->rest);
    free(member);
}

static void say(const Member *member, const char *line, size_t size)
{
    char text[PREFIX + LONGEST];
    int start = snprintf(text, PREFIX, "%u: ", member->number);

    memcpy(text + start, line, size);
    tell_others(member, text, (size_t)start + size);
}

/* Returns false when the member has gone, or never ends its line. */
static bool hear(Member *member)
{
    char *begin = member->input;
    char *newline;
    ssize_t size = recv(member->fd, member->input + member->held,
                        LONGEST - member->held, 0);

    if (size <= 0)
        return size < 0 && errno == EAGAIN;
    member->held += (size_t)size;
    while ((newline = memchr(begin, '\n', member->held)) != NULL) {
        size_t line = (size_t)(newline + 1 - begin);
        say(member, begin, line);
        begin += line;
        member->held -= line;
    }
    memmove(member->input, begin, member->held);
    return member->held < LONGEST;
}

static bool send_rest(Member *member)
{
    ssize_t sent =
        send(member->fd, member->rest, member->rest_size, MSG_NOSIGNAL);

    if (sent < 0)
        return errno == EAGAIN;
    member->rest_size -= (size_t)sent;
    memmove(member->rest, member->rest + sent, member->rest_size);
    if (member->rest_size > 0)
        return true;
    free(member->rest);
    member->rest = NULL;
    watch(EPOLL_CTL_MOD, member, EPOLLIN);
    return true;
}

static void handle(Member *member, uint32_t events)
{
    bool stays = true;

    if (events & EPOLLOUT && member->rest != NULL)
        stays = send_rest(member);
    if (stays && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        stays = hear(member);
    if (!stays)
        drop(member);
}

static void stop(int signo)
{
    (void)signo;
    _exit(0);
}

int main(int argc, char **argv)
{
    struct epoll_event events[BATCH];
    int count = 0;
    int listener = start_listening(argc, argv, NULL);
    struct epoll_event newcomers = {.events = EPOLLIN, .data.ptr = NULL};

    signal(SIGTERM, stop);
    loop = epoll_create1(EPOLL_CLOEXEC);
    if (loop < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, listener, &newcomers) < 0)
        err(1, "epoll");
    start_announce(listener);
    while (count >= 0 || errno == EINTR) {
        count = epoll_wait(loop, events, BATCH, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                let_in(listener);
            else
                handle(events[i].data.ptr, events[i].events);
        }
    }
    err(1, "epoll_wait");
}
