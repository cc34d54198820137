/*
 * An HTTP server: says "Hello, World!" to GET / and HEAD /. A message is the
 * head of a request: a first line, fields, an empty line. Bodies are refused,
 * and so is what others could read in another way: a request could hide in it
 * (9112, 11.2: like all such numbers, a section of an RFC).
 */
#include "log.h"
#include "tcp_server.h"

#include <ctype.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <time.h>

typedef struct Response {
    const char *head; /* as far as it is always the same */
    const char *body;
    bool last; /* the connection ends with it */
} Response;

/* length is the body's: where it ends, the next response begins. */
#define HEAD(status, length)                              \
    "HTTP/1.1 " status "\r\nContent-Type: text/plain\r\n" \
    "Content-Length: " length "\r\n"

static const Response
    hello = {HEAD("200 OK", "13"), "Hello, World!", false},
    bad_request = {HEAD("400 Bad Request", "12"), "Bad request\n", true},
    not_found = {HEAD("404 Not Found", "10"), "Not found\n", false},
    bad_method = {HEAD("405 Method Not Allowed\r\nAllow: GET, HEAD", "19"),
                  "Method not allowed\n", false},
    has_content = {HEAD("413 Content Too Large", "10"), "Too large\n", true},
    /* The request was not read and may be HEAD: so there is no body. */
    long_head = {HEAD("431 Request Header Fields Too Large", "0"), "", true},
    bad_version = {HEAD("505 HTTP Version Not Supported", "22"),
                   "Version not supported\n", true};

/* Some of the bytes of a head; they stay where they are. */
typedef struct Slice {
    const char *data;
    size_t size;
} Slice;

typedef struct Request {
    Slice method;
    const char *target; /* a space follows it */
    char major, minor; /* the digits of its HTTP version */
    unsigned hosts, lengths; /* how many such fields it has */
    bool has_body;
    bool close, keep_alive; /* what Connection asks for */
} Request;

static bool ends_empty_line(const char *data, const char *newline)
{
    if (newline > data && newline[-1] == '\r')
        newline--;
    return newline == data || newline[-1] == '\n';
}

/* A head ends with its first empty line. CR is optional (9112, 2.2). */
static ssize_t find_head(const char *data, size_t size, size_t scanned,
                         size_t longest)
{
    const char *end = data + (size < longest ? size : longest);
    const char *at = data + scanned;

    for (; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
        if (ends_empty_line(data, at))
            return at - data + 1;
    return size < longest ? CODEC_NOT_YET : CODEC_TOO_LONG;
}

typedef enum Class {
    TOKEN, /* in methods and names of fields (9110, 5.6.2) */
    HOST, /* in a host and its port (3986, 3.2) */
    VALUE, /* in a field's value: no control characters (9110, 5.5) */
    VISIBLE,
    DIGIT,
    BLANK,
    CLASSES
} Class;
static bool in_class[CLASSES][256]; /* filled before there are threads */

static void fill_classes(void)
{
    for (int c = 1; c < 256; c++) {
        in_class[TOKEN][c] = isalnum(c) || strchr("!#$%&'*+-.^_`|~", c);
        in_class[HOST][c] = isalnum(c) || strchr("!$%&'()*+,-.:;=[]_~", c);
        in_class[VALUE][c] = c == '\t' || !iscntrl(c);
        in_class[VISIBLE][c] = isgraph(c);
        in_class[DIGIT][c] = isdigit(c);
        in_class[BLANK][c] = isblank(c);
    }
}

/*
 * Takes the characters of a class that come next. The last one of a head is a
 * newline, which is in no class: so this ends in time.
 */
static Slice span(const char **at, Class class)
{
    const char *start = *at;
    const char *end = start;

    while (in_class[class][(unsigned char)*end])
        end++;
    *at = end;
    return (Slice){start, (size_t)(end - start)};
}

static bool skip(const char **at, char c)
{
    if (**at != c)
        return false;
    ++*at;
    return true;
}

/* Must agree with find_head on what ends a line. */
static bool skip_line_end(const char **at)
{
    if (**at == '\r' && (*at)[1] == '\n')
        ++*at;
    return skip(at, '\n');
}

static bool is(Slice text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

static bool is_in_any_case(Slice text, const char *word)
{
    return text.size == strlen(word) &&
           strncasecmp(text.data, word, text.size) == 0;
}

static bool parse_digit(char *digit, const char **at)
{
    *digit = **at;
    return span(at, DIGIT).size == 1;
}

/* GET / HTTP/1.1: single spaces between, nothing around (9112, 3). */
static bool parse_request_line(Request *request, const char **at)
{
    request->method = span(at, TOKEN);
    request->target = *at + 1;
    return request->method.size > 0 && skip(at, ' ') &&
           span(at, VISIBLE).size > 0 && skip(at, ' ') &&
           is(span(at, TOKEN), "HTTP") && skip(at, '/') &&
           parse_digit(&request->major, at) && skip(at, '.') &&
           parse_digit(&request->minor, at) && skip_line_end(at);
}

/* Whatever is not part of an option separates it from the next. */
static void parse_connection(Request *request, Slice value)
{
    const char *at = value.data;

    while (at < value.data + value.size) {
        Slice option = span(&at, TOKEN);
        request->close |= is_in_any_case(option, "close");
        request->keep_alive |= is_in_any_case(option, "keep-alive");
        at++;
    }
}

/* Neither of the first two may come twice (9112, 3.2 and 6.3). */
static bool parse_value(Request *request, Slice name, const char **at)
{
    if (is_in_any_case(name, "Host")) {
        span(at, HOST);
        return request->hosts++ == 0;
    }
    if (is_in_any_case(name, "Content-Length")) {
        Slice length = span(at, DIGIT);
        request->has_body |= strspn(length.data, "0") < length.size;
        return length.size > 0 && request->lengths++ == 0;
    }
    Slice value = span(at, VALUE);
    if (is_in_any_case(name, "Connection"))
        parse_connection(request, value);
    request->has_body |= is_in_any_case(name, "Transfer-Encoding");
    return true;
}

/* A name has no blanks: not before the colon, nor in front (9112, 5). */
static bool parse_fields(Request *request, const char **at)
{
    while (!skip_line_end(at)) {
        Slice name = span(at, TOKEN);
        if (name.size == 0 || !skip(at, ':'))
            return false;
        span(at, BLANK);
        if (!parse_value(request, name, at))
            return false;
        span(at, BLANK);
        if (!skip_line_end(at))
            return false;
    }
    return request->hosts == 1 || request->minor == '0';
}

/* /path?query, or http://host/path?query as to a proxy (9112, 3.2). */
static const Response *look_up(const char *target)
{
    if (*target != '/') {
        if (strncasecmp(target, "http://", strlen("http://")) != 0)
            return &bad_request;
        target += strlen("http://");
        if (*target == ':' || span(&target, HOST).size == 0)
            return &bad_request;
    }
    skip(&target, '/');
    return *target == ' ' || *target == '?' ? &hello : &not_found;
}

static const Response *respond(Request *request, const char *head)
{
    if (!parse_request_line(request, &head))
        return &bad_request;
    if (request->major != '1')
        return &bad_version;
    if (!parse_fields(request, &head))
        return &bad_request;
    if (request->has_body)
        return &has_content;
    if (!is(request->method, "GET") && !is(request->method, "HEAD"))
        return &bad_method;
    return look_up(request->target);
}

/* The Date field (9110, 6.6.1), written anew at most once a second. */
static const char *date_field(void)
{
    static _Thread_local char text[64];
    static _Thread_local time_t written = -1;
    time_t now = time(NULL);
    struct tm tm;

    if (now != written && gmtime_r(&now, &tm) != NULL) {
        strftime(text, sizeof(text), "Date: %a, %d %b %Y %T GMT\r\n", &tm);
        written = now;
    }
    return text;
}

static void send_response(Connection *connection, const Request *request,
                          const Response *response)
{
    char text[512];
    char *end = stpcpy(text, response->head);
    bool old = request->minor == '0';
    bool last =
        response->last || request->close || (old && !request->keep_alive);
    const char *option = last  ? "Connection: close\r\n\r\n"
                         : old ? "Connection: keep-alive\r\n\r\n"
                               : "\r\n";

    end = stpcpy(end, date_field());
    end = stpcpy(end, option);
    if (!is(request->method, "HEAD"))
        end = stpcpy(end, response->body);
    connection_send(connection, text, (size_t)(end - text));
    if (last)
        connection_finish(connection);
}

static void on_message(void *context, Connection *connection, const char *data,
                       size_t size)
{
    Request request = {0};

    if (size <= strlen("\r\n"))
        return; /* an empty line before a request (9112, 2.2) */
    options_delay(context);
    send_response(connection, &request, respond(&request, data));
}

static void on_too_long(void *context, Connection *connection)
{
    char text[INET_ADDRESS_TEXT];

    (void)context;
    log_line("head too long from %s",
             inet_address_format(connection_peer(connection), text));
    send_response(connection, &(Request){0}, &long_head);
}

int main(int argc, char **argv)
{
    Options options;
    ConnectionHandler handler = {
        .on_message = on_message,
        .on_too_long = on_too_long,
        .context = &options,
    };

    signal(SIGPIPE, SIG_IGN); /* write(2) fails with EPIPE instead */
    options = options_parse(argc, argv, "apvcbdtwi");
    fill_classes();
    handler.codec = (Codec){find_head, 8192};
    return tcp_server_run(&options, &handler) < 0;
}
