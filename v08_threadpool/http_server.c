/*
 * An HTTP server: says "Hello, World!" to GET / and HEAD /. The numbers in
 * the comments are sections of RFC 9110 and RFC 9112. A message is the head
 * of a request: a first line, fields, an empty line. Bodies are refused, and
 * so is what could be read in two ways: if a proxy reads it in the other, a
 * request can hide in a request (9112, 11.2).
 */
#include "tcp_server.h"

#include <ctype.h>
#include <err.h>
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

/* Some of the bytes of a head, which stay where they are. */
typedef struct Slice {
    const char *data;
    size_t size;
} Slice;

typedef struct Request {
    Slice method, target;
    char major, minor; /* the digits of its HTTP version */
    unsigned hosts, lengths; /* how many such fields it has */
    bool has_body;
    bool close, keep_alive; /* what Connection asks for */
} Request;

/* Is there nothing, or only CR, between this newline and the one before? */
static bool ends_empty_line(const char *data, const char *newline)
{
    if (newline > data && newline[-1] == '\r')
        newline--;
    return newline == data || newline[-1] == '\n';
}

/*
 * A head ends with its first empty line. LF ends a line, CR before it or not
 * (9112, 2.2), as then a request can be typed into nc.
 */
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

/* Takes off what is before the first mark, or all, and drops the mark. */
static Slice cut(Slice *rest, char mark)
{
    const char *found = memchr(rest->data, mark, rest->size);
    size_t size = found != NULL ? (size_t)(found - rest->data) : rest->size;
    Slice piece = {rest->data, size};

    size += found != NULL;
    *rest = (Slice){rest->data + size, rest->size - size};
    return piece;
}

/* What a line is, and an empty one, must be as find_head sees it. */
static Slice cut_line(Slice *rest)
{
    Slice line = cut(rest, '\n');

    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    return line;
}

static Slice trim(Slice text)
{
    while (text.size > 0 && isblank((unsigned char)text.data[0]))
        text = (Slice){text.data + 1, text.size - 1};
    while (text.size > 0 && isblank((unsigned char)text.data[text.size - 1]))
        text.size--;
    return text;
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

/* Is it one or more of such characters? */
static bool is_made_of(Slice text, int (*is_such)(int c))
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_such((unsigned char)text.data[i]))
            return false;
    return text.size > 0;
}

/* Methods and names (9110, 5.6.2). strchr would find '\0' in any string. */
static int is_token(int c)
{
    return isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* A host and its port (RFC 3986, 3.2). */
static int is_host(int c)
{
    return isalnum(c) || (c != '\0' && strchr("!$%&'()*+,-.:;=[]_~", c));
}

/* Fields: no control characters; to some, CR ends a line (9110, 5.5). */
static int is_value(int c)
{
    return c >= ' ' ? c != 0x7f : c == '\t';
}

/* GET / HTTP/1.1: single spaces between, nothing around (9112, 3). */
static bool parse_request_line(Request *request, Slice line)
{
    request->method = cut(&line, ' ');
    request->target = cut(&line, ' ');
    if (line.size != strlen("HTTP/1.1"))
        return false;
    request->major = line.data[5];
    request->minor = line.data[7];
    return is_made_of(request->method, is_token) &&
           is_made_of(request->target, isgraph) &&
           memcmp(line.data, "HTTP/", 5) == 0 && line.data[6] == '.' &&
           isdigit((unsigned char)line.data[5]) &&
           isdigit((unsigned char)line.data[7]);
}

static void parse_connection(Request *request, Slice list)
{
    while (list.size > 0) {
        Slice option = trim(cut(&list, ','));
        request->close |= is_in_any_case(option, "close");
        request->keep_alive |= is_in_any_case(option, "keep-alive");
    }
}

/* Neither of the first two may come twice (9112, 3.2 and 6.3). */
static bool parse_value(Request *request, Slice name, Slice value)
{
    if (is_in_any_case(name, "Host"))
        return request->hosts++ == 0 &&
               (value.size == 0 || is_made_of(value, is_host));
    if (is_in_any_case(name, "Content-Length")) {
        request->has_body |= !is(value, "0");
        return request->lengths++ == 0 && is_made_of(value, isdigit);
    }
    if (is_in_any_case(name, "Transfer-Encoding"))
        request->has_body = true;
    if (is_in_any_case(name, "Connection"))
        parse_connection(request, value);
    return true;
}

/* No name has white space, before the colon or in front (9112, 5.1, 5.2). */
static bool parse_fields(Request *request, Slice rest)
{
    Slice line;

    while ((line = cut_line(&rest)).size > 0) {
        Slice value = line;
        Slice name = cut(&value, ':');
        if (name.size == line.size || !is_made_of(name, is_token) ||
            !is_made_of(line, is_value) ||
            !parse_value(request, name, trim(value)))
            return false;
    }
    return request->hosts == 1 || request->minor == '0';
}

/* /path?query, or http://host/path?query as to a proxy (9112, 3.2). */
static const Response *look_up(Slice target)
{
    Slice path = cut(&target, '?');
    bool empty = path.size == 0;
    Slice scheme = cut(&path, '/');
    bool has_host = is_in_any_case(scheme, "http:") &&
                    cut(&path, '/').size == 0 &&
                    is_made_of(cut(&path, '/'), is_host);

    if (empty || (scheme.size > 0 && !has_host))
        return &bad_request;
    return path.size == 0 ? &hello : &not_found;
}

static const Response *respond(Request *request, Slice head)
{
    if (!parse_request_line(request, cut_line(&head)))
        return &bad_request;
    if (request->major != '1')
        return &bad_version;
    if (!parse_fields(request, head))
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

    end = stpcpy(end, date_field());
    if (last)
        end = stpcpy(end, "Connection: close\r\n");
    else if (old)
        end = stpcpy(end, "Connection: keep-alive\r\n");
    end = stpcpy(end, "\r\n");
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
    send_response(connection, &request, respond(&request, (Slice){data, size}));
}

static void on_too_long(void *context, Connection *connection)
{
    char text[INET_ADDRESS_TEXT];

    (void)context;
    warnx("head too long from %s",
          inet_address_format(connection_peer(connection), text));
    send_response(connection, &(Request){0}, &long_head);
}

int main(int argc, char **argv)
{
    Options options = options_parse(argc, argv, "apvcbdtw");
    ConnectionHandler handler = {
        .on_message = on_message,
        .on_too_long = on_too_long,
        .context = &options,
    };

    options.codec = (Codec){find_head, 8192};
    return tcp_server_run(&options, &handler) < 0;
}
