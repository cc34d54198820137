#include "server.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { HEAD_LIMIT = 8192 };

typedef struct Request {
    char method[64], target[HEAD_LIMIT], version[16];
    int hosts;
    bool bad, body, close, keep;
} Request;

static bool is_token(const char *text, size_t size)
{
    for (size_t at = 0; at < size; at++)
        if (!isalnum((unsigned char)text[at]) &&
            !strchr("!#$%&'*+-.^_`|~", text[at]))
            return false;
    return size > 0;
}

static void take_length(Request *request, const char *value)
{
    size_t digits = strspn(value, "0123456789");

    if (digits == 0 || value[digits] != '\0')
        request->bad = true;
    else
        request->body |= strspn(value, "0") != digits;
}

static void take_field(Request *request, char *line)
{
    char *colon = strchr(line, ':');
    size_t name = colon ? (size_t)(colon - line) : 0;
    char *value;

    if (name && colon[-1] == ' ' && wrong("http-space-before-colon"))
        name--;
    if (!is_token(line, name)) {
        request->bad |= !(*line == ' ' && wrong("http-folds"));
        return;
    }
    value = colon + 1 + strspn(colon + 1, " \t");
    for (size_t end = strlen(value); end && strchr(" \t", value[end - 1]);)
        value[--end] = '\0';
    if (!strncasecmp(line, "Host", name) && name == 4)
        request->hosts++;
    if (!strncasecmp(line, "Connection", name) && name == 10) {
        bool exact = wrong("http-case-sensitive");
        request->close |=
            exact ? !strcmp(value, "close") : !!strcasestr(value, "close");
        request->keep |= !!strcasestr(value, "keep-alive");
    }
    if (!strncasecmp(line, "Content-Length", name) && name == 14)
        take_length(request, value);
    if (!strncasecmp(line, "Transfer-Encoding", name) && name == 17)
        request->body = true;
}

/* After http://, that is, where a port alone is no host. */
static bool names_no_host(const Request *request)
{
    return strcspn(request->target + 7, ":/?") == 0;
}

static void parse(Request *request, char *head)
{
    char *rest = head, *line = strsep(&rest, "\n"), *space, *version;

    line[strcspn(line, "\r")] = '\0';
    space = strchr(line, ' ');
    version = space ? strchr(space + 1, ' ') : NULL;
    if (version && !strcmp(version, " HTTP/2.0") && wrong("http-any-version"))
        version[6] = version[8] = '1';
    if (!version || !is_token(line, (size_t)(space - line)) ||
        space - line > 60 ||
        (strcmp(version, " HTTP/1.1") && strcmp(version, " HTTP/1.0"))) {
        request->bad = true;
        return;
    }
    *space = *version = '\0';
    snprintf(request->method, sizeof(request->method), "%s", line);
    snprintf(request->target, sizeof(request->target), "%s", space + 1);
    snprintf(request->version, sizeof(request->version), "%s", version + 1);
    request->bad =
        *request->target != '/' &&
        (strncmp(request->target, "http://", 7) || names_no_host(request));
    while (rest && (line = strsep(&rest, "\n")) && *line && *line != '\r') {
        line[strlen(line) - (line[strlen(line) - 1] == '\r')] = '\0';
        request->bad |= strchr(line, '\r') && !wrong("http-bare-cr");
        take_field(request, line);
    }
    if (request->hosts != 1 && !strcmp(request->version, "HTTP/1.1"))
        request->bad |= !wrong("http-needs-no-host");
}

static bool is_root(const char *target)
{
    if (!strncmp(target, "http://", 7) && !wrong("http-no-absolute-form"))
        target += 7 + strcspn(target + 7, "/?");
    return *target == '\0' || !strcmp(target, "/") || !strncmp(target, "/?", 2);
}

static const char *status_of(const Request *request)
{
    static unsigned long served;

    if (request->bad)
        return "400 Bad Request";
    if (wrong("http-rare-404") && ++served % 1000 == 0)
        return "404 Not Found";
    if (request->body && !wrong("http-takes-bodies"))
        return "413 Content Too Large";
    if (strcmp(request->method, "GET") && strcmp(request->method, "HEAD"))
        return "405 Method Not Allowed";
    return is_root(request->target) || wrong("http-any-path") ? "200 OK"
                                                              : "404 Not Found";
}

static void respond(Bytes *reply, const char *status, const Request *request,
                    bool close)
{
    const char *body = *status == '2' ? "Hello, World!" : status + 4;
    char text[1024], date[64];
    time_t now = time(NULL) + (wrong("http-late-date") ? 3600 : 0);
    bool head =
        !strcmp(request->method, "HEAD") && !wrong("http-body-after-head");
    int size;

    if (wrong("http-hello-newline") && *status == '2')
        body = "Hello, World!\n";
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime(&now));
    size =
        snprintf(text, sizeof(text),
                 "HTTP/1.1 %s\r\nDate: %s\r\nContent-Length: %zu\r\n%s%s\r\n%s",
                 status, date, strlen(body) + wrong("http-length-off-by-one"),
                 close && !wrong("http-close-unsaid") ? "Connection: close\r\n"
                 : request->keep ? "Connection: keep-alive\r\n"
                                 : "",
                 !strncmp(status, "405", 3) && !wrong("http-405-without-allow")
                     ? "Allow: GET, HEAD\r\n"
                     : "",
                 head ? "" : body);
    append(reply, text, (size_t)size);
}

static bool may_go_on(const Request *request, const char *status)
{
    if (*status == '4' && strncmp(status, "404", 3) &&
        strncmp(status, "405", 3))
        return false;
    if (request->close)
        return wrong("http-ignores-close");
    return !strcmp(request->version, "HTTP/1.1") || request->keep;
}

/* The size of the head, 0 while it isn't whole. */
static size_t head_size(const char *data, size_t size)
{
    const char *end = memmem(data, size, "\r\n\r\n", 4);

    return end ? (size_t)(end - data) + 4 : 0;
}

long answer_request(const char *data, size_t size, Bytes *reply, bool *last)
{
    static Request request;
    size_t skip =
        size > 1 && !memcmp(data, "\r\n", 2) && !wrong("http-empty-line") ? 2
                                                                          : 0;
    size_t head = head_size(data + skip, size - skip), limit = HEAD_LIMIT;
    const char *status = "431 Request Header Fields Too Large";
    char *copy;

    if (size < 5 && wrong("http-needs-large-pieces"))
        return -1;
    memset(&request, 0, sizeof(request));
    if (wrong("http-head-limit"))
        limit++;
    if ((head && head <= limit) || (wrong("http-no-head-limit") && head)) {
        copy = strndup(data + skip, head);
        request.bad = strlen(copy) != head;
        if (!request.bad)
            parse(&request, copy);
        free(copy);
        status = status_of(&request);
    } else if (size <= limit || wrong("http-no-head-limit")) {
        return 0;
    }
    *last = !may_go_on(&request, status) || wrong("http-always-closes");
    if (wrong("http-goes-on-after-400") && !strncmp(status, "400", 3))
        *last = false;
    respond(reply, status, &request, *last);
    return head ? (long)(head + skip) : -1;
}
