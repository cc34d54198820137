/*
 * An HTTP server: says "Hello, World!" to GET / and HEAD /. A message is the
 * head of a request: a first line, fields, an empty line. Request bodies are
 * refused. So is every head that another program could read in another way:
 * a second request could hide in it (RFC 9112, 11.2). Numbers like these are
 * sections of an RFC: 9110 (HTTP), 9112 (HTTP/1.1), 3986 (URI).
 */
#include "tcp_server.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { LONGEST_HEAD = 8192 };

/* The characters of each part of a head, besides letters and digits. */
#define TOKEN "!#$%&'*+-.^_`|~" /* 9110, 5.6.2 */
#define TARGET TOKEN "\"(),/:;<=>?@[\\]{}" /* all that is visible */
#define HOST "!$&'()*+,-.;=_~" /* 3986, 3.2.2 */
#define DIGITS "0123456789"
#define HEX_DIGITS DIGITS "abcdefABCDEF"

typedef struct Request {
    bool is_get, is_head; /* the method */
    bool is_root; /* the path is / */
    bool is_old; /* of HTTP/1.0 */
    unsigned hosts, lengths; /* how many fields of this name came */
    bool has_content; /* a Content-Length over 0 */
    bool ends_chunked, has_unknown; /* the codings of Transfer-Encoding */
    bool close, keep_alive; /* what Connection asks for */
} Request;

/* Return whether text has only letters, digits and others; at least one. */
static bool consists_of(const char *text, const char *others)
{
    const char *at = text;

    while (isalnum((unsigned char)*at) ||
           (*at != '\0' && strchr(others, *at) != NULL))
        at++;
    return at > text && *at == '\0';
}

/* Return whether text is an IPv6 address, or vN.text of a later version N. */
static bool is_address(const char *text)
{
    struct in6_addr address;

    if (text[0] != 'v' && text[0] != 'V')
        return inet_pton(AF_INET6, text, &address) == 1;
    const char *dot = text + 1 + strspn(text + 1, HEX_DIGITS);
    return dot > text + 1 && *dot == '.' && consists_of(dot + 1, HOST ":");
}

/* Return whether text is HOST or HOST:PORT (3986, 3.2). The text is cut up. */
static bool is_authority(char *text)
{
    char *colon = strrchr(text, ':');

    if (colon != NULL && colon[1 + strspn(colon + 1, DIGITS)] == '\0')
        *colon = '\0'; /* a port follows */
    size_t size = strlen(text);
    if (text[0] == '[' && text[size - 1] == ']') {
        text[size - 1] = '\0';
        return is_address(text + 1);
    }
    for (const char *at = text; (at = strchr(at, '%')) != NULL; at++)
        if (strspn(at + 1, HEX_DIGITS) < 2)
            return false; /* right is %41, which stands for A */
    return consists_of(text, HOST "%");
}

/* Read /path?query or http://host/path?query. */
static bool parse_target(Request *request, char *target)
{
    char *path = strsep(&target, "?");

    if (strncasecmp(path, "http://", strlen("http://")) == 0) {
        path += strlen("http://");
        if (!is_authority(strsep(&path, "/")))
            return false;
    } else if (*path++ != '/') {
        return false;
    }
    request->is_root = path == NULL || *path == '\0';
    return true;
}

static bool is_empty_line(const char *line)
{
    return line[0] == '\n' || (line[0] == '\r' && line[1] == '\n');
}

/*
 * Copy a line without its end, CR LF or LF (9112, 2.2). Return the next line,
 * or NULL if this one has a control character.
 */
static const char *copy_line(char *copy, const char *line)
{
    const char *newline = rawmemchr(line, '\n');
    size_t size = (size_t)(newline - line);

    if (size > 0 && newline[-1] == '\r')
        size--;
    for (size_t i = 0; i < size; i++)
        if (iscntrl((unsigned char)line[i]) && line[i] != '\t')
            return NULL;
    memcpy(copy, line, size);
    copy[size] = '\0';
    return newline + 1;
}

/* Read GET / HTTP/1.1: one space between two parts, none around (9112, 3). */
static bool parse_first_line(Request *request, const char *head)
{
    char copy[LONGEST_HEAD];
    char *line = copy;

    if (copy_line(line, head) == NULL)
        return false;
    const char *method = strsep(&line, " ");
    char *target = strsep(&line, " ");
    request->is_get = strcmp(method, "GET") == 0;
    request->is_head = strcmp(method, "HEAD") == 0;
    if (line == NULL || strncmp(line, "HTTP/1.", 7) != 0 ||
        !isdigit((unsigned char)line[7]) || line[8] != '\0')
        return false;
    request->is_old = line[7] == '0';
    bool star = strcmp(method, "OPTIONS") == 0 && strcmp(target, "*") == 0;
    return consists_of(method, TOKEN) && consists_of(target, TARGET) &&
           (star || parse_target(request, target));
}

/*
 * Find the end of a head: its first empty line. A wrong first line is a
 * message of its own, since an empty line may never come after it.
 */
static ssize_t find_head(const char *data, size_t size, size_t scanned,
                         size_t longest)
{
    const char *end = data + (size < longest ? size : longest);
    const char *before = memrchr(data, '\n', scanned);
    const char *line = before == NULL ? data : before + 1;
    const char *newline;

    while ((newline = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        if (is_empty_line(line) ||
            (line == data && !parse_first_line(&(Request){0}, data)))
            return newline + 1 - data;
        line = newline + 1;
    }
    return size < longest ? CODEC_NOT_YET : CODEC_TOO_LONG;
}

static void parse_connection(Request *request, char *value)
{
    const char *option;

    while ((option = strsep(&value, ", \t")) != NULL) {
        if (strcasecmp(option, "close") == 0)
            request->close = true;
        if (strcasecmp(option, "keep-alive") == 0)
            request->keep_alive = true;
    }
}

/* Read a list of codings. Nothing may follow chunked (9112, 6.1). */
static bool parse_codings(Request *request, char *value)
{
    const char *coding;

    while ((coding = strsep(&value, ", \t")) != NULL) {
        if (coding[0] == '\0')
            continue; /* between comma and blank */
        if (request->ends_chunked || !consists_of(coding, TOKEN))
            return false;
        request->ends_chunked = strcasecmp(coding, "chunked") == 0;
        if (!request->ends_chunked)
            request->has_unknown = true;
    }
    return request->ends_chunked || request->has_unknown;
}

/* Read NAME: VALUE. No blanks are around the name (9112, 5.1). */
static bool parse_field(Request *request, char *line)
{
    const char *name = strsep(&line, ":");

    if (line == NULL || !consists_of(name, TOKEN))
        return false;
    char *value = line + strspn(line, " \t");
    char *end = value + strlen(value);
    while (end > value && isblank((unsigned char)end[-1]))
        *--end = '\0';
    if (strcasecmp(name, "Host") == 0)
        return request->hosts++ == 0 &&
               (value[0] == '\0' || is_authority(value));
    if (strcasecmp(name, "Content-Length") == 0) {
        request->has_content = value[strspn(value, "0")] != '\0';
        return request->lengths++ == 0 && value[0] != '\0' &&
               value[strspn(value, DIGITS)] == '\0';
    }
    if (strcasecmp(name, "Transfer-Encoding") == 0)
        return parse_codings(request, value);
    if (strcasecmp(name, "Connection") == 0)
        parse_connection(request, value);
    return true;
}

/* Read all fields. Only HTTP/1.0 may leave Host out (9112, 3.2). */
static bool parse_fields(Request *request, const char *head)
{
    char line[LONGEST_HEAD];
    const char *at = strchr(head, '\n') + 1; /* after the first line */

    while (!is_empty_line(at)) {
        at = copy_line(line, at);
        if (at == NULL || !parse_field(request, line))
            return false;
    }
    return request->hosts > 0 || request->is_old;
}

/* Return the status of the response to a head. */
static int parse_head(Request *request, const char *head)
{
    if (!parse_first_line(request, head) || !parse_fields(request, head))
        return 400;
    bool coded = request->ends_chunked || request->has_unknown;
    if (coded && (request->lengths > 0 || request->is_old))
        return 400; /* another program may find another end of the body */
    if (request->has_unknown)
        return 501;
    if (coded || request->has_content)
        return 413;
    if (!request->is_get && !request->is_head)
        return 405;
    return request->is_root ? 200 : 404;
}

#define HEAD(status, body_length)                         \
    "HTTP/1.1 " status "\r\nContent-Type: text/plain\r\n" \
    "Content-Length: " body_length "\r\n"

static const struct Response {
    const char *head; /* the part that is the same each time */
    const char *body;
    bool last; /* the connection ends with it */
} responses[] = {
    [200] = {HEAD("200 OK", "13"), "Hello, World!", false},
    [400] = {HEAD("400 Bad Request", "12"), "Bad request\n", true},
    [404] = {HEAD("404 Not Found", "10"), "Not found\n", false},
    [405] = {HEAD("405 Method Not Allowed\r\nAllow: GET, HEAD", "19"),
             "Method not allowed\n", false},
    [413] = {HEAD("413 Content Too Large", "10"), "Too large\n", true},
    /* The request was not read and may be HEAD: so there is no body. */
    [431] = {HEAD("431 Request Header Fields Too Large", "0"), "", true},
    [501] = {HEAD("501 Not Implemented", "16"), "Not implemented\n", true},
};

/* Return the field Date. Each thread keeps its own, so no lock is needed. */
static const char *date_field(void)
{
    static _Thread_local char text[64];
    static _Thread_local time_t written;
    time_t now = time(NULL);
    struct tm tm;

    if (now != written) { /* once a second: strftime takes long */
        gmtime_r(&now, &tm);
        strftime(text, sizeof(text), "Date: %a, %d %b %Y %T GMT\r\n", &tm);
        written = now;
    }
    return text;
}

static void send_response(Connection *connection, const Request *request,
                          int status)
{
    const struct Response *response = &responses[status];
    bool last = response->last || request->close ||
                (request->is_old && !request->keep_alive);
    char text[512];
    char *end = stpcpy(text, response->head);

    end = stpcpy(end, date_field());
    end = stpcpy(end, last              ? "Connection: close\r\n\r\n"
                      : request->is_old ? "Connection: keep-alive\r\n\r\n"
                                        : "\r\n");
    if (!request->is_head)
        end = stpcpy(end, response->body);
    connection_send(connection, text, (size_t)(end - text));
    if (last)
        connection_finish(connection);
}

static void on_message(void *context, Connection *connection, const char *data,
                       size_t size)
{
    Request request = {0};

    (void)size;
    if (is_empty_line(data))
        return; /* before a request it means nothing (9112, 2.2) */
    options_delay(context);
    send_response(connection, &request, parse_head(&request, data));
}

static void on_too_long(void *context, Connection *connection)
{
    (void)context;
    send_response(connection, &(Request){0}, 431);
}

int main(int argc, char **argv)
{
    Options options;
    ConnectionHandler handler = {
        .codec = {find_head, LONGEST_HEAD},
        .refusal =
            HEAD("503 Service Unavailable", "0") "Connection: close\r\n\r\n",
        .on_message = on_message,
        .on_too_long = on_too_long,
        .context = &options,
    };

    signal(SIGPIPE, SIG_IGN); /* send(2) fails with EPIPE instead */
    options = options_parse(argc, argv, "apvcbdtwi");
    handler.slow = options.delay > 0;
    return tcp_server_run(&options, &handler) < 0;
}
