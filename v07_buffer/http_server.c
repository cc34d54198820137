/*
 * An HTTP server: says "Hello, World!" to GET / and HEAD /. A message is the
 * head of a request: a first line, fields, an empty line. Request bodies are
 * refused. So is every head that another program could read in another way:
 * a second request could hide in it (RFC 9112, 11.2). Numbers like these are
 * sections of an RFC: 9110 (HTTP), 9112 (HTTP/1.1), 3986 (URI).
 */
#include "log.h"
#include "tcp_server.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <time.h>

typedef struct Response {
    const char *head; /* the part that is the same each time */
    const char *body;
    bool last; /* the connection is closed after it */
} Response;

/* length is the body's. After so many bytes the next response begins. */
#define START(status, length)                             \
    "HTTP/1.1 " status "\r\nContent-Type: text/plain\r\n" \
    "Content-Length: " length "\r\n"

static const Response
    hello = {START("200 OK", "13"), "Hello, World!", false},
    bad_request = {START("400 Bad Request", "12"), "Bad request\n", true},
    not_found = {START("404 Not Found", "10"), "Not found\n", false},
    bad_method = {START("405 Method Not Allowed", "19") "Allow: GET, HEAD\r\n",
                  "Method not allowed\n", false},
    too_large = {START("413 Content Too Large", "10"), "Too large\n", true},
    /* The request was not read and may be HEAD: so there is no body. */
    long_head = {START("431 Request Header Fields Too Large", "0"), "", true},
    bad_coding = {START("501 Not Implemented", "16"), "Not implemented\n",
                  true},
    bad_version = {START("505 HTTP Version Not Supported", "22"),
                   "Version not supported\n", true};

/* What a client over the limit (-c) gets instead of a response of its own. */
static const char too_many[] =
    START("503 Service Unavailable", "0") "Connection: close\r\n\r\n";

/* A part of a head: not copied, without a NUL at its end. */
typedef struct Slice {
    const char *data;
    size_t size;
} Slice;

typedef struct Request {
    Slice method;
    const char *path; /* a space follows the path and its query */
    char major, minor; /* the digits of the HTTP version */
    unsigned hosts, lengths; /* how many fields of this name came */
    bool has_content; /* a Content-Length over 0 */
    bool has_codings; /* a Transfer-Encoding */
    bool unknown_coding; /* one of its codings is not chunked */
    bool ends_chunked; /* the last of its codings is chunked */
    bool close, keep_alive; /* what Connection asks for */
} Request;

/* Return whether methods and names of fields may have c (9110, 5.6.2). */
static int is_token(int c)
{
    return isgraph(c) && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
}

/* Return whether the name of a host may have c (3986, 3.2.2). */
static int is_host(int c)
{
    return isgraph(c) && strchr("\"#%/:<>?@[\\]^`{|}", c) == NULL;
}

/* Return whether a host in brackets may have c. */
static int is_literal(int c)
{
    return c == ':' || is_host(c);
}

/* Return whether a field's value may have c (9110, 5.5). */
static int is_value(int c)
{
    return c == '\t' || !iscntrl(c);
}

/*
 * Step over the next characters, as long as accepts returns true for them,
 * and return them. No function given here accepts a newline, and each line
 * ends with one: so span never leaves its line.
 */
static Slice span(const char **at, int (*accepts)(int))
{
    const char *start = *at;

    while (accepts((unsigned char)**at))
        ++*at;
    return (Slice){start, (size_t)(*at - start)};
}

/* Step over c, if it comes next. Return whether it did. */
static bool skip(const char **at, char c)
{
    if (**at != c)
        return false;
    ++*at;
    return true;
}

/* Step over the end of a line: CR LF, or LF alone (9112, 2.2). */
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

/* Step over [IPv6 address] or [v1.address], from behind the bracket on. */
static bool parse_literal(const char **at)
{
    char text[INET6_ADDRSTRLEN] = "";
    struct in6_addr address;

    if (skip(at, 'v') || skip(at, 'V'))
        return span(at, isxdigit).size > 0 && skip(at, '.') &&
               span(at, is_literal).size > 0 && skip(at, ']');
    Slice literal = span(at, is_literal);
    if (literal.size >= sizeof(text))
        return false;
    memcpy(text, literal.data, literal.size);
    return inet_pton(AF_INET6, text, &address) == 1 && skip(at, ']');
}

/* Return whether a %41 comes next: a character's number in hexadecimal. */
static bool begins_escape(const char *at)
{
    return at[0] == '%' && isxdigit((unsigned char)at[1]) &&
           isxdigit((unsigned char)at[2]);
}

/* Step over a name or an IPv4 address. */
static bool parse_name(const char **at)
{
    const char *start = *at;

    while (is_host((unsigned char)**at) || begins_escape(*at))
        ++*at;
    return *at > start;
}

/* Step over HOST or HOST:PORT (3986, 3.2). The caller checks what follows. */
static bool parse_authority(const char **at)
{
    if (!(skip(at, '[') ? parse_literal(at) : parse_name(at)))
        return false;
    if (skip(at, ':'))
        span(at, isdigit);
    return true;
}

/* Step over what a client of a proxy puts before the path (9112, 3.2.2). */
static bool parse_origin(const char **at)
{
    if (strncasecmp(*at, "http://", strlen("http://")) != 0)
        return false;
    *at += strlen("http://");
    return parse_authority(at);
}

/* Step over /path?query, or http://host/path?query, or, of OPTIONS, *. */
static bool parse_target(Request *request, const char **at)
{
    if (is(request->method, "OPTIONS") && skip(at, '*'))
        return true;
    if (**at != '/' && !parse_origin(at))
        return false;
    request->path = *at;
    if (skip(at, '/') || skip(at, '?'))
        span(at, isgraph);
    return true;
}

static bool parse_digit(char *digit, const char **at)
{
    *digit = **at;
    return span(at, isdigit).size == 1;
}

/* Read GET / HTTP/1.1: one space between two parts, none around (9112, 3). */
static bool parse_request_line(Request *request, const char **at)
{
    request->method = span(at, is_token);
    return request->method.size > 0 && skip(at, ' ') &&
           parse_target(request, at) && skip(at, ' ') &&
           is(span(at, is_token), "HTTP") && skip(at, '/') &&
           parse_digit(&request->major, at) && skip(at, '.') &&
           parse_digit(&request->minor, at) && skip_line_end(at);
}

/* Return the answer to a wrong first line, or NULL when it is right. */
static const Response *refuse_line(Request *request, const char **at)
{
    if (!parse_request_line(request, at))
        return &bad_request;
    return request->major == '1' ? NULL : &bad_version;
}

static bool ends_empty_line(const char *data, const char *newline)
{
    if (newline > data && newline[-1] == '\r')
        newline--;
    return newline == data || newline[-1] == '\n';
}

/*
 * Find the end of a head: its first empty line. A wrong first line is a
 * message of its own, since an empty line may never come after it.
 */
static ssize_t find_head(const char *data, size_t size, size_t scanned,
                         size_t longest)
{
    const char *end = data + (size < longest ? size : longest);
    const char *at = data + scanned;
    const char *line = data;
    bool first = memchr(data, '\n', scanned) == NULL;

    for (; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++) {
        if (ends_empty_line(data, at))
            return at - data + 1;
        if (first && refuse_line(&(Request){0}, &line) != NULL)
            return at - data + 1;
        first = false;
    }
    return size < longest ? CODEC_NOT_YET : CODEC_TOO_LONG;
}

/* Read a list of options. What is no part of an option separates two. */
static void parse_connection(Request *request, Slice value)
{
    const char *at = value.data;

    while (at < value.data + value.size) {
        Slice option = span(&at, is_token);
        if (is_in_any_case(option, "close"))
            request->close = true;
        if (is_in_any_case(option, "keep-alive"))
            request->keep_alive = true;
        at++;
    }
}

/* Read a list of codings. Nothing may follow chunked (9112, 6.1). */
static bool parse_codings(Request *request, const char **at)
{
    request->has_codings = true;
    do {
        span(at, isblank);
        Slice coding = span(at, is_token);
        span(at, isblank);
        if (coding.size == 0)
            continue; /* the list may have empty places (9110, 5.6.1) */
        if (request->ends_chunked)
            return false;
        if (is_in_any_case(coding, "chunked"))
            request->ends_chunked = true;
        else
            request->unknown_coding = true;
    } while (skip(at, ','));
    return true;
}

/* Read a field's value. The caller checks that the line ends after it. */
static bool parse_value(Request *request, Slice name, const char **at)
{
    if (is_in_any_case(name, "Host")) {
        request->hosts++;
        /* An empty one leaves the choice to the server (9112, 3.3). */
        return **at == '\r' || **at == '\n' || parse_authority(at);
    }
    if (is_in_any_case(name, "Content-Length")) {
        Slice length = span(at, isdigit);
        request->lengths++;
        if (strspn(length.data, "0") < length.size)
            request->has_content = true;
        return length.size > 0;
    }
    if (is_in_any_case(name, "Transfer-Encoding"))
        return parse_codings(request, at);
    Slice value = span(at, is_value);
    if (is_in_any_case(name, "Connection"))
        parse_connection(request, value);
    return true;
}

/* Read all fields. A name has no blanks before or after it (9112, 5). */
static bool parse_fields(Request *request, const char **at)
{
    while (!skip_line_end(at)) {
        Slice name = span(at, is_token);
        if (name.size == 0 || !skip(at, ':'))
            return false;
        span(at, isblank);
        if (!parse_value(request, name, at))
            return false;
        span(at, isblank);
        if (!skip_line_end(at))
            return false;
    }
    if (request->hosts == 0 && request->minor != '0')
        return false; /* only HTTP/1.0 may leave it out (9112, 3.2) */
    return request->hosts <= 1 && request->lengths <= 1;
}

/* Return the answer to a request with a body, or NULL when it has none. */
static const Response *refuse_body(const Request *request)
{
    if (!request->has_codings)
        return request->has_content ? &too_large : NULL;
    /* Readers may differ: two lengths, or a field unknown to HTTP/1.0. */
    if (request->lengths > 0 || request->minor == '0')
        return &bad_request;
    if (request->unknown_coding)
        return &bad_coding;
    /* Without chunked nothing says where the body ends (9112, 6.3). */
    return request->ends_chunked ? &too_large : &bad_request;
}

static const Response *look_up(const char *path)
{
    skip(&path, '/');
    return *path == ' ' || *path == '?' ? &hello : &not_found;
}

static const Response *respond(Request *request, const char *head)
{
    const Response *refusal = refuse_line(request, &head);

    if (refusal != NULL)
        return refusal;
    if (!parse_fields(request, &head))
        return &bad_request;
    refusal = refuse_body(request);
    if (refusal != NULL)
        return refusal;
    if (!is(request->method, "GET") && !is(request->method, "HEAD"))
        return &bad_method;
    return look_up(request->path);
}

/* Write the field Date (9110, 6.6.1). Return where it ends. */
static char *write_date(char *text)
{
    enum { ROOM = 64 };
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    return text + strftime(text, ROOM, "Date: %a, %d %b %Y %T GMT\r\n", &tm);
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

    end = write_date(end);
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
    const char *at = data;

    (void)size;
    if (skip_line_end(&at))
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
        .codec = {find_head, 8192},
        .refusal = too_many,
        .on_message = on_message,
        .on_too_long = on_too_long,
        .context = &options,
    };

    signal(SIGPIPE, SIG_IGN); /* write(2) fails with EPIPE instead */
    options = options_parse(argc, argv, "apvcbdtwi");
    handler.slow = options.delay > 0;
    return tcp_server_run(&options, &handler) < 0;
}
