#include "http_reference.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TOKEN DIGITS LETTERS "!#$%&'*+-.^_`|~"
#define HOST DIGITS LETTERS "-._~%!$&'()*+,;=:[]"

typedef struct Head {
    char method[HTTP_LONGEST_HEAD + 1];
    char target[HTTP_LONGEST_HEAD + 1];
    char major, minor;
    int hosts, lengths;
    bool has_content, close, keep_alive;
} Head;

/* The next line without its end, as a string; false: it has a NUL in it. */
static bool next_line(char *line, const char **at, const char *end)
{
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    size_t size = (size_t)(newline - *at);

    if (size > 0 && newline[-1] == '\r')
        size--;
    memcpy(line, *at, size);
    line[size] = '\0';
    *at = newline + 1;
    return strlen(line) == size;
}

ssize_t http_reference_find(const char *data, size_t size)
{
    size_t seen = size < HTTP_LONGEST_HEAD ? size : HTTP_LONGEST_HEAD;
    char line[HTTP_LONGEST_HEAD + 1];
    const char *at = data;

    while (memchr(at, '\n', seen - (size_t)(at - data)) != NULL)
        if (next_line(line, &at, data + seen) && line[0] == '\0')
            return at - data;
    return size < HTTP_LONGEST_HEAD ? 0 : -1;
}

static bool consists_of(const char *text, const char *characters)
{
    return text[0] != '\0' && text[strspn(text, characters)] == '\0';
}

static bool is_visible(const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if (!isgraph((unsigned char)*at))
            return false;
    return text[0] != '\0';
}

/* METHOD target HTTP/1.1 and nothing else. */
static bool read_request_line(Head *head, char *line)
{
    char *target = strchr(line, ' ');
    char *version = target != NULL ? strchr(target + 1, ' ') : NULL;

    if (version == NULL)
        return false;
    *target++ = '\0';
    *version++ = '\0';
    if (!consists_of(line, TOKEN) || !is_visible(target) ||
        strlen(version) != strlen("HTTP/1.1") ||
        strncmp(version, "HTTP/", 5) != 0 || !isdigit(version[5]) ||
        version[6] != '.' || !isdigit(version[7]))
        return false;
    strcpy(head->target, target);
    head->major = version[5];
    head->minor = version[7];
    return true;
}

/* The token at the start, whatever else is wrong: HEAD never gets a body. */
static void read_method(Head *head, const char *line)
{
    size_t size = strspn(line, TOKEN);

    memcpy(head->method, line, size);
    head->method[size] = '\0';
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t size = strlen(text);
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        text[--size] = '\0';
    return text;
}

static bool has_control_character(const char *text)
{
    for (; *text != '\0'; text++)
        if (iscntrl((unsigned char)*text) && *text != '\t')
            return true;
    return false;
}

static void read_connection(Head *head, const char *value)
{
    while (*value != '\0') {
        size_t size = strspn(value, TOKEN);
        if (size == strlen("close") && strncasecmp(value, "close", size) == 0)
            head->close = true;
        if (size == strlen("keep-alive") &&
            strncasecmp(value, "keep-alive", size) == 0)
            head->keep_alive = true;
        value += size;
        value += strcspn(value, TOKEN);
    }
}

static bool read_field(Head *head, char *line)
{
    char *colon = strchr(line, ':');

    if (colon == NULL)
        return false;
    *colon = '\0';
    char *value = trim(colon + 1);
    if (!consists_of(line, TOKEN) || has_control_character(value))
        return false;
    if (strcasecmp(line, "Host") == 0)
        return head->hosts++ == 0 &&
               (value[0] == '\0' || consists_of(value, HOST));
    if (strcasecmp(line, "Content-Length") == 0) {
        head->has_content |= !consists_of(value, "0");
        return head->lengths++ == 0 && consists_of(value, DIGITS);
    }
    if (strcasecmp(line, "Transfer-Encoding") == 0)
        head->has_content = true;
    if (strcasecmp(line, "Connection") == 0)
        read_connection(head, value);
    return true;
}

static bool read_fields(Head *head, const char *at, const char *end)
{
    char line[HTTP_LONGEST_HEAD + 1];

    for (;;) {
        if (!next_line(line, &at, end))
            return false;
        if (line[0] == '\0')
            return head->hosts == 1 || head->minor == '0';
        if (!read_field(head, line))
            return false;
    }
}

static int find_target(const char *target)
{
    if (target[0] != '/') {
        if (strncasecmp(target, "http://", 7) != 0)
            return 400;
        size_t host = strspn(target + 7, HOST);
        if (host == 0 || target[7] == ':') /* a port alone names no host */
            return 400;
        target += 7 + host;
    }
    if (target[0] == '/')
        target++;
    return target[0] == '\0' || target[0] == '?' ? 200 : 404;
}

static int find_status(Head *head, const char *at, const char *end)
{
    char line[HTTP_LONGEST_HEAD + 1];
    bool clean = next_line(line, &at, end);

    read_method(head, line);
    if (!clean || !read_request_line(head, line))
        return 400;
    if (head->major != '1')
        return 505;
    if (!read_fields(head, at, end))
        return 400;
    if (head->has_content)
        return 413;
    if (strcmp(head->method, "GET") != 0 && strcmp(head->method, "HEAD") != 0)
        return 405;
    return find_target(head->target);
}

Answer http_reference_answer(const char *text, size_t size)
{
    static Head head;

    if (size <= strlen("\r\n"))
        return (Answer){0, false, NULL};
    head = (Head){0};
    int status = find_status(&head, text, text + size);
    bool last = status == 400 || status == 413 || status == 505 || head.close;
    bool old = head.minor == '0';
    return (Answer){
        .status = status,
        .has_body = strcmp(head.method, "HEAD") != 0,
        .connection = last || (old && !head.keep_alive) ? "close"
                      : old                             ? "keep-alive"
                                                        : NULL,
    };
}
