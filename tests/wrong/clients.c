#include "server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

bool resting;
long connected;
Client *clients[MOST];
static char buffer[READ_SIZE];

void leave(Client *client)
{
    struct linger reset = {1, 0};

    if (settings.verbose && !wrong("silent-close"))
        say("closed %s", client->peer);
    if (wrong("closes-with-a-reset"))
        setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    clients[client->fd] = NULL;
    if (wrong("leaks-descriptors")) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, client->fd, NULL);
        shutdown(client->fd, SHUT_RDWR);
    } else {
        close(client->fd);
    }
    connected--;
    if (!wrong("leaks-memory")) {
        release(&client->in);
        release(&client->out);
        free(client);
    } else {
        client->in.data = malloc(1000);
        memset(client->in.data, 1, 1000);
    }
    if (resting && !wrong("never-listens-again"))
        resting = false, add(listener, EPOLLIN);
}

static void failed(Client *client)
{
    if (wrong("exits-on-a-reset"))
        exit(3);
    if (wrong("forgets-reset-clients")) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, client->fd, NULL);
        return;
    }
    leave(client);
}

/* What epoll should look for, from what the client is at. */
static void watch(Client *client)
{
    struct epoll_event event = {.data.fd = client->fd};
    bool reads =
        !client->paused && (!client->ended || wrong("listens-after-the-end"));

    if (wrong("listens-while-paused"))
        reads = !client->ended;
    event.events = (reads ? EPOLLIN : 0) | (client->out.size ? EPOLLOUT : 0);
    if (wrong("waits-to-write-for-ever"))
        event.events |= EPOLLOUT;
    if (wrong("minds-hang-ups") || wrong("closes-on-end") ||
        wrong("end-drops-waiting-messages"))
        event.events |= EPOLLRDHUP;
    if (wrong("minds-urgent-data"))
        event.events |= EPOLLPRI;
    if (event.events != client->watched || wrong("watches-anew"))
        epoll_ctl(epoll, EPOLL_CTL_MOD, client->fd, &event);
    client->watched = event.events;
}

/* Writes what can be written; false when the client has gone. */
static bool flush_out(Client *client)
{
    Bytes *out = &client->out;
    ssize_t size;

    while (out->size > 0) {
        size = write(client->fd, out->data, out->size);
        if (size < 0 && errno == EAGAIN)
            break;
        if (size < 0)
            return false;
        if (wrong("drops-the-rest-of-a-write"))
            size = (ssize_t)out->size;
        if (wrong("repeats-after-a-short-write") && (size_t)size < out->size)
            size -= size > 1;
        consume(out, (size_t)size);
    }
    return true;
}

static void reply(Client *client, const char *data, size_t size)
{
    static int replies;
    Client *to = client;

    if (wrong("stops-at-nul"))
        size = strnlen(data, size);
    if (wrong("mixes-clients") && ++replies % 7 == 0)
        for (int fd = 0; fd < MOST; fd++)
            if (clients[fd] && clients[fd] != client)
                to = clients[fd];
    append(&to->out, data, size);
    if (wrong("overtakes-what-waits")) {
        memmove(to->out.data + size, to->out.data, to->out.size - size);
        memcpy(to->out.data, data, size);
    }
}

/* Handles the first message; false when there is no whole one. */
static bool handle(Client *client)
{
    Bytes *in = &client->in;
    bool last = false;
    long size;

    if (in->size == 0 || client->refused)
        return false;
    if (is_called("http_server"))
        size = answer_request(in->data, in->size, &client->out, &last);
    else
        size = find_message(in->data, in->size, client->scanned);
    client->scanned = size == 0 && !wrong("searches-again") ? in->size : 0;
    if (size == 0)
        return false;
    if (size < 0 || last) {
        if (!is_called("http_server") && !wrong("refuses-silently"))
            say("message too long from %s", client->peer);
        client->refused = true;
        if (wrong("refusal-drops-replies"))
            release(&client->out);
        return false;
    }
    if (settings.delay && !wrong("no-delay"))
        rest_ms(settings.delay);
    if (!is_called("http_server"))
        reply(client, in->data, (size_t)size);
    consume(in, (size_t)size);
    client->served++;
    return true;
}

/* Handles all whole messages that the high-water mark allows. */
static void handle_all(Client *client)
{
    size_t high = (size_t)settings.high_water;

    if (wrong("pauses-for-ever") && client->paused)
        return;
    if (client->out.size <= high / 2)
        client->paused = false;
    while ((client->out.size < high || wrong("no-high-water-mark")) &&
           handle(client)) {
        if (wrong("one-message-a-read"))
            break;
        if (!settings.delay)
            continue;
        if (stop_asked() && !wrong("handles-all-before-it-stops"))
            return;
        if (!flush_out(client))
            return;
    }
    if (client->out.size >= high && !wrong("no-high-water-mark"))
        client->paused = true;
}

/* Closes it when it is done with; false when it has gone. */
static bool settle(Client *client)
{
    bool out = client->out.size > 0;

    if (wrong("closes-with-output-left") && client->ended)
        out = false;
    if (wrong("refusal-cuts-output") && client->refused)
        out = false;
    if (wrong("refusal-resets") && client->refused && !out) {
        leave(client);
        return false;
    }
    if (out || (client->paused && !client->refused))
        return true;
    if (client->refused && !client->shut) {
        shutdown(client->fd, SHUT_WR);
        client->shut = true;
    }
    if (!client->ended)
        return true;
    if (wrong("keeps-empty-connections") && client->served == 0)
        return true;
    if (wrong("http-answers-the-unfinished") && client->in.size) {
        append(&client->out, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
        flush_out(client);
    }
    if (wrong("answers-the-unfinished") && client->in.size &&
        !client->refused) {
        reply(client, client->in.data, client->in.size);
        flush_out(client);
    }
    leave(client);
    return false;
}

static void take_in(Client *client, size_t size)
{
    static int reads;

    if (wrong("loses-single-bytes") && size == 1 && client->served)
        return;
    if (wrong("loses-a-byte-now-and-then") && ++reads % 4 == 0)
        size--;
    if (!client->refused || wrong("buffers-what-it-refused"))
        append(&client->in, buffer, size);
}

/* Reads once; false when the client has gone. */
static bool read_once(Client *client)
{
    ssize_t size = read(client->fd, buffer, READ_SIZE);

    if (size < 0)
        return errno == EAGAIN;
    if (size == 0)
        client->ended = true;
    take_in(client, (size_t)size);
    if (size > 0 && wrong("waits-for-whole-lines") && buffer[size - 1] != '\n')
        rest_ms(100000);
    return true;
}

void serve(Client *client, uint32_t events)
{
    if (events & EPOLLPRI || (events & EPOLLRDHUP && wrong("closes-on-end")))
        return failed(client);
    if ((events & (EPOLLERR | EPOLLHUP)) && !(events & EPOLLIN)) {
        if (wrong("overlooks-hang-ups"))
            return;
        return failed(client);
    }
    if (events & EPOLLOUT && !flush_out(client))
        return failed(client);
    if (events & EPOLLRDHUP && wrong("end-drops-waiting-messages")) {
        client->ended = true;
        release(&client->in);
    }
    if (events & EPOLLIN &&
        (!client->ended || wrong("listens-after-the-end")) &&
        (!client->paused) && !read_once(client))
        return failed(client);
    while (wrong("one-at-a-time") && client->in.size && !client->ended) {
        handle_all(client);
        if (!flush_out(client) || !read_once(client))
            return failed(client);
    }
    do {
        if (events & EPOLLIN || !wrong("forgets-what-was-read"))
            handle_all(client);
        else
            client->paused = client->out.size > (size_t)settings.high_water / 2;
        if (!flush_out(client))
            return failed(client);
    } while (client->paused &&
             client->out.size <= (size_t)settings.high_water / 2 &&
             !stop_asked() && !wrong("pauses-for-ever") &&
             !wrong("forgets-what-was-read"));
    if (settle(client))
        watch(client);
}
