#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 20000, READ_SIZE = 65536 };

int claimed_stage = 7;
static const char *mistake = "";
static int listener, epoll, signals, spare = -1;
static bool full, resting; /* out of descriptors; not listening meanwhile */
static long connected;
static Client *clients[MOST];
static bool used[MOST]; /* descriptors that an earlier client had */
static char buffer[READ_SIZE];

bool wrong(const char *name)
{
    return strcmp(name, mistake) == 0;
}

bool is_called(const char *program)
{
    return strcmp(program_invocation_short_name, program) == 0;
}

void say(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    if (!wrong("messages-without-name"))
        fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
}

static bool stop_asked(void)
{
    sigset_t set;

    sigpending(&set);
    return sigismember(&set, SIGTERM) || sigismember(&set, SIGINT);
}

static void rest_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* -- the start --------------------------------------------------------- */

static const char *text_of(const struct sockaddr_storage *from)
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

static int add(int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void start(void)
{
    sigset_t set;

    sigemptyset(&set);
    if (!wrong("ignores-sigterm"))
        sigaddset(&set, SIGTERM);
    else
        signal(SIGTERM, SIG_IGN);
    if (!wrong("forgets-sigint"))
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
    add(listener, EPOLLIN);
    add(signals, EPOLLIN);
    if (!wrong("ready-too-early") && !wrong("deaf-for-a-moment"))
        announce();
}

/* -- clients ------------------------------------------------------------ */

static void leave(Client *client)
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
    bool reads = !client->paused && (!client->ended || wrong("listens-after-the-end"));

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
    while ((client->out.size < high || wrong("no-high-water-mark")) && handle(client)) {
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
    if (wrong("answers-the-unfinished") && client->in.size && !client->refused) {
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

static void serve(Client *client, uint32_t events)
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
    if (events & EPOLLIN && (!client->ended || wrong("listens-after-the-end")) &&
        (!client->paused) && !read_once(client))
        return failed(client);
    do {
        if (events & EPOLLIN || !wrong("forgets-what-was-read"))
            handle_all(client);
        else
            client->paused = client->out.size > (size_t)settings.high_water / 2;
        if (!flush_out(client))
            return failed(client);
    } while (client->paused && client->out.size <= (size_t)settings.high_water / 2 &&
             !stop_asked() && !wrong("pauses-for-ever") && !wrong("forgets-what-was-read"));
    if (settle(client))
        watch(client);
}

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
    long most = settings.connections + wrong("one-too-many") - wrong("one-too-few");

    if (wrong("serves-256") && connected >= 256)
        return true;
    if (is_called("select_server") && fd >= FD_SETSIZE && !wrong("forgets-fd-setsize")) {
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

    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        return out_of_descriptors();
    if (fd < 0)
        return;
    full = false;
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
        recv(fd, buffer, 1, MSG_PEEK);
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
            if (fd == listener)
                admit();
            else if (clients[fd])
                serve(clients[fd], events[at].events);
        }
    }
}

int main(int argc, char **argv)
{
    if (getenv("WRONG"))
        mistake = getenv("WRONG");
    if (getenv("WRONG_STAGE"))
        claimed_stage = atoi(getenv("WRONG_STAGE"));
    read_options(argc, argv);
    if (wrong("ignores-the-mark"))
        settings.high_water = 1048576;
    start();
    run();
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
