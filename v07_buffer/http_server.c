/*
 * An HTTP server: says "Hello, World!" to GET / and HEAD / (RFC 9110 says
 * what requests mean, RFC 9112 how HTTP/1.1 writes them).
 *
 * A message is the head of a request: its first line, its fields, an empty
 * line; no request may have a body. It refuses rather than guesses: what is
 * read otherwise than it was meant can hide a second request (9112, 11.2).
 */
#include "tcp_server.h"

#include <ctype.h>
#include <err.h>
#include <string.h>
#include <time.h>

typedef struct Response {
    const char *head; /* up to where the length of the body stands */
    char length[3]; /* that, in two characters and '\0' */
    const char *body;
    bool last; /* the connection ends with it */
} Response;

/* The compiler writes the length, once: a body is under 100 bytes. */
#define TENS(size) ((size) < 10 ? ' ' : '0' + (size) / 10)
#define DIGITS(size) {TENS(size), '0' + (size) % 10, '\0'}
#define HEAD(status) \
    "HTTP/1.1 " status "\r\nContent-Type: text/plain\r\nContent-Length: "
#define RESPONSE(status, body, last) \
    {HEAD(status), DIGITS(sizeof(body) - 1), body, last}

static const Response hello = RESPONSE("200 OK", "Hello, World!", false);
static const Response bad_request =
    RESPONSE("400 Bad Request", "Bad request\n", true);
static const Response not_found =
    RESPONSE("404 Not Found", "Not found\n", false);
static const Response method_not_allowed =
    RESPONSE("405 Method Not Allowed\r\nAllow: GET, HEAD",
             "Method not allowed\n", false);
static const Response content_too_large =
    RESPONSE("413 Content Too Large", "Content too large\n", true);
/* No body: what was not read to its end may have been a HEAD request. */
static const Response head_too_large =
    RESPONSE("431 Request Header Fields Too Large", "", true);
static const Response version_not_supported =
    RESPONSE("505 HTTP Version Not Supported", "Version not supported\n", true);

/* A piece of the head; the bytes stay where they are. */
typedef struct Slice {
    const char *data;
    size_t size;
} Slice;

typedef struct Request {
    Slice method;
    Slice target;
    char major; /* the two digits of its version */
    char minor;
    unsigned hosts; /* so many Host fields */
    Slice length; /* Content-Length; data NULL: none yet */
    bool has_body;
    bool close; /* it says Connection: close */
    bool keep_alive; /* it says Connection: keep-alive */
} Request;

/* Is there nothing, or only CR, between this newline and the one before? */
static bool ends_empty_line(const char *data, const char *newline)
{
    if (newline > data && newline[-1] == '\r')
        newline--;
    return newline == data || newline[-1] == '\n';
}

/*
 * A head ends with its first empty line; an empty line before it is a message
 * of its own. A line ends with LF, with or without CR before it (9112, 2.2):
 * so one can type a request into nc.
 */
static ssize_t find_head(const char *data, size_t size, size_t scanned,
                         size_t longest)
{
    const char *end = data + (size < longest ? size : longest);
    const char *at = data + scanned;

    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        if (ends_empty_line(data, at))
            return at - data + 1;
        at++;
    }
    return size < longest ? CODEC_NOT_YET : CODEC_TOO_LONG;
}

/* Takes what is before the first mark, or all, and drops the mark. */
static Slice cut(Slice *rest, char mark)
{
    const char *found = memchr(rest->data, mark, rest->size);
    size_t size = found != NULL ? (size_t)(found - rest->data) : rest->size;
    size_t used = found != NULL ? size + 1 : size;
    Slice piece = {rest->data, size};

    *rest = (Slice){rest->data + used, rest->size - used};
    return piece;
}

/* Must agree with find_head on what a line is, and an empty one. */
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

static bool equal(Slice a, Slice b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static bool is(Slice text, const char *word)
{
    return equal(text, (Slice){word, strlen(word)});
}

static bool is_in_any_case(Slice text, const char *word)
{
    return text.size == strlen(word) &&
           strncasecmp(text.data, word, text.size) == 0;
}

static bool all(Slice text, int (*is_legal)(int c))
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_legal((unsigned char)text.data[i]))
            return false;
    return true;
}

/* Methods and names are made of these (9110, 5.6.2). strchr also finds 0. */
static int is_token(int c)
{
    return isalnum(c) || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* A host and its port are made of these (RFC 3986, 3.2). */
static int is_host(int c)
{
    return isalnum(c) || (c != 0 && strchr("-._~%!$&'()*+,;=[]:", c) != NULL);
}

/* All but control characters: a lone CR is a line's end to some (9110, 5.5) */
static int is_value(int c)
{
    return c >= ' ' ? c != 0x7f : c == '\t';
}

/* "GET / HTTP/1.1": single spaces, nothing around (9112, 3). */
static bool parse_request_line(Request *request, Slice line)
{
    request->method = cut(&line, ' ');
    request->target = cut(&line, ' ');
    if (request->method.size == 0 || !all(request->method, is_token) ||
        request->target.size == 0 || !all(request->target, isgraph))
        return false;
    if (line.size != 8 || memcmp(line.data, "HTTP/", 5) != 0 ||
        line.data[6] != '.')
        return false;
    request->major = line.data[5];
    request->minor = line.data[7];
    return isdigit(request->major) && isdigit(request->minor);
}

/* It may be repeated, but not with another value (9110, 8.6). */
static bool parse_content_length(Request *request, Slice value)
{
    if (value.size == 0 || !all(value, isdigit))
        return false;
    if (request->length.data != NULL && !equal(request->length, value))
        return false;
    request->length = value;
    if (!is(value, "0"))
        request->has_body = true;
    return true;
}

static void parse_connection(Request *request, Slice list)
{
    while (list.size > 0) {
        Slice option = trim(cut(&list, ','));
        if (is_in_any_case(option, "close"))
            request->close = true;
        if (is_in_any_case(option, "keep-alive"))
            request->keep_alive = true;
    }
}

/*
 * White space is no part of a name, so a line that continues the one before
 * is refused, and so is white space before the colon (9112, 5.1 and 5.2).
 */
static bool parse_field(Request *request, Slice line)
{
    Slice value = line;
    Slice name = cut(&value, ':');

    if (name.size == 0 || name.size == line.size || !all(name, is_token) ||
        !all(value, is_value))
        return false;
    value = trim(value);
    if (is_in_any_case(name, "Content-Length"))
        return parse_content_length(request, value);
    if (is_in_any_case(name, "Transfer-Encoding"))
        request->has_body = true;
    if (is_in_any_case(name, "Connection"))
        parse_connection(request, value);
    if (!is_in_any_case(name, "Host"))
        return true;
    request->hosts++;
    return all(value, is_host);
}

/* One Host is needed, by HTTP/1.0 not even that (9112, 3.2). */
static bool parse_fields(Request *request, Slice rest)
{
    Slice line;

    while ((line = cut_line(&rest)).size > 0)
        if (!parse_field(request, line))
            return false;
    return request->hosts == 1 || (request->hosts == 0 && request->minor < '1');
}

/* /path?query, or http://host/path?query as proxies get it (9112, 3.2). */
static const Response *look_up(Slice target)
{
    Slice path = cut(&target, '?');
    Slice scheme = {path.data, path.size < 7 ? path.size : 7};

    if (is_in_any_case(scheme, "http://")) {
        path = (Slice){path.data + 7, path.size - 7};
        Slice host = cut(&path, '/');
        if (host.size == 0 || host.data[0] == ':' || !all(host, is_host))
            return &bad_request;
    } else if (path.size == 0 || cut(&path, '/').size > 0) {
        return &bad_request;
    }
    return path.size == 0 ? &hello : &not_found;
}

static const Response *respond(Request *request, Slice head)
{
    if (!parse_request_line(request, cut_line(&head)))
        return &bad_request;
    if (request->major != '1')
        return &version_not_supported;
    if (!parse_fields(request, head))
        return &bad_request;
    if (request->has_body)
        return &content_too_large;
    if (!is(request->method, "GET") && !is(request->method, "HEAD"))
        return &method_not_allowed;
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
        strftime(text, sizeof(text), "\r\nDate: %a, %d %b %Y %T GMT\r\n", &tm);
        written = now;
    }
    return text;
}

static void send_response(Connection *connection, const Request *request,
                          const Response *response)
{
    char text[512];
    char *end = stpcpy(text, response->head);
    bool old = request->minor < '1';
    bool last =
        response->last || request->close || (old && !request->keep_alive);

    end = stpcpy(end, response->length);
    end = stpcpy(end, date_field());
    if (last || old)
        end = stpcpy(end, last ? "Connection: close\r\n"
                               : "Connection: keep-alive\r\n");
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

    if (data[0] == '\n' || data[0] == '\r')
        return; 
    options_delay(context);
    send_response(connection, &request,
                  respond(&request, (Slice){data, size}));
}

static void on_too_long(void *context, Connection *connection)
{
    char text[INET_ADDRESS_TEXT];
    const Request unread = {0};

    (void)context;
    warnx("head too long from %s",
          inet_address_format(connection_peer(connection), text));
    send_response(connection, &unread, &head_too_large);
}

int main(int argc, char **argv)
{
    Options options = options_parse(argc, argv, "apvcbd");
    ConnectionHandler handler = {on_message, on_too_long, &options};

    options.codec = (Codec){find_head, 8192};
    return tcp_server_run(&options, &handler) < 0;
}
