#include "http_reference.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TOKEN DIGITS LETTERS "!#$%&'*+-.^_`|~"
#define HEX DIGITS "abcdefABCDEF"
#define HOST DIGITS LETTERS "-._~!$&'()*+,;="

typedef struct Head {
    char method[HTTP_LONGEST_HEAD + 1];
    char path[HTTP_LONGEST_HEAD + 1];
    char minor;
    int hosts, lengths;
    bool has_content, close, keep_alive;
    bool unknown_coding, ends_chunked;
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

static bool is_number(const char *text, long least, long most)
{
    bool padded = text[0] == '0' && text[1] != '\0';

    return consists_of(text, DIGITS) && strlen(text) < 9 && !padded &&
           atol(text) >= least && atol(text) <= most;
}

/* Four numbers with dots between them. */
static bool is_ipv4(char *text)
{
    int numbers = 0;

    for (char *number; (number = strsep(&text, ".")) != NULL; numbers++)
        if (!is_number(number, 0, 255))
            return false;
    return numbers == 4;
}

enum { BAD_GROUPS = 100 };

/* How many groups of 16 bits; an IPv4 address at the end is two. */
static int count_groups(char *list, bool may_end_in_ipv4)
{
    int count = 0;

    if (list[0] == '\0')
        return 0;
    for (char *group; (group = strsep(&list, ":")) != NULL; count++) {
        if (consists_of(group, HEX) && strlen(group) <= 4)
            continue;
        if (list != NULL || !may_end_in_ipv4 || !is_ipv4(group))
            return BAD_GROUPS;
        count++;
    }
    return count;
}

/* Eight groups, or fewer where :: stands for one or more of zeros. */
static bool is_ipv6(char *text)
{
    char *gap = strstr(text, "::");

    if (gap == NULL)
        return count_groups(text, true) == 8;
    *gap = '\0';
    return count_groups(text, false) + count_groups(gap + 2, true) <= 7;
}

/* v1.whatever */
static bool is_future(char *text)
{
    char *dot = strchr(text, '.');

    if (dot == NULL || (text[0] != 'v' && text[0] != 'V'))
        return false;
    *dot = '\0';
    return consists_of(text + 1, HEX) && consists_of(dot + 1, HOST ":");
}

static bool is_name(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '%' && strspn(at + 1, HEX) < 2)
            return false;
        if (*at != '%' && strchr(HOST, *at) == NULL)
            return false;
    }
    return text[0] != '\0';
}

/* host or host:port, where the port may be empty and the host may not. */
static bool is_authority(char *text)
{
    bool in_brackets = text[0] == '[';
    char *end = in_brackets ? strchr(text, ']') : strchr(text, ':');

    if (in_brackets && end == NULL)
        return false;
    char *port = end == NULL ? NULL : end + in_brackets;
    if (port != NULL && port[0] != '\0' &&
        (port[0] != ':' || port[1 + strspn(port + 1, DIGITS)] != '\0'))
        return false;
    if (end != NULL)
        *end = '\0';
    if (!in_brackets)
        return is_name(text);
    return text[1] == 'v' || text[1] == 'V' ? is_future(text + 1)
                                            : is_ipv6(text + 1);
}

/* Leaves the path and the query of it. */
static bool read_target(Head *head, const char *target)
{
    char authority[HTTP_LONGEST_HEAD + 1] = "";

    if (strcmp(head->method, "OPTIONS") == 0 && strcmp(target, "*") == 0)
        return true;
    if (target[0] != '/') {
        if (strncasecmp(target, "http://", 7) != 0)
            return false;
        size_t size = strcspn(target + 7, "/?");
        memcpy(authority, target + 7, size);
        target += 7 + size;
        if (!is_authority(authority))
            return false;
    }
    strcpy(head->path, target);
    return true;
}

/* METHOD target HTTP/1.1 and nothing else. The method is known before. */
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
        strncmp(version, "HTTP/1.", 7) != 0 || !isdigit(version[7]))
        return false;
    head->minor = version[7];
    return read_target(head, target);
}

static bool has_control_character(const char *text)
{
    for (; *text != '\0'; text++)
        if (iscntrl((unsigned char)*text) && *text != '\t')
            return true;
    return false;
}

static bool read_first_line(Head *head, char *line)
{
    size_t size = strcspn(line, " ");

    if (has_control_character(line))
        return false;
    /* Whatever else is wrong: HEAD never gets a body. */
    memcpy(head->method, line, size);
    head->method[size] = '\0';
    return read_request_line(head, line);
}

ssize_t http_reference_find(const char *data, size_t size)
{
    size_t seen = size < HTTP_LONGEST_HEAD ? size : HTTP_LONGEST_HEAD;
    char line[HTTP_LONGEST_HEAD + 1];
    const char *at = data;

    while (memchr(at, '\n', seen - (size_t)(at - data)) != NULL) {
        bool first = at == data;
        bool clean = next_line(line, &at, data + seen);
        if (clean && line[0] == '\0')
            return at - data;
        if (first && (!clean || !read_first_line(&(Head){0}, line)))
            return at - data;
    }
    return size < HTTP_LONGEST_HEAD ? 0 : -1;
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t size = strlen(text);
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        text[--size] = '\0';
    return text;
}

/* Commas and blanks are between the words of a list. */
static char *next_word(char *list, char **rest)
{
    return strtok_r(list, ", \t", rest);
}

static void read_connection(Head *head, char *value)
{
    char *rest;
    char *word = next_word(value, &rest);

    for (; word != NULL; word = next_word(NULL, &rest)) {
        head->close |= strcasecmp(word, "close") == 0;
        head->keep_alive |= strcasecmp(word, "keep-alive") == 0;
    }
}

/* Several such fields are one list (9110, 5.3). It may not begin empty. */
static bool read_codings(Head *head, char *value)
{
    char *rest;
    char *word = next_word(value, &rest);

    for (; word != NULL; word = next_word(NULL, &rest)) {
        if (head->ends_chunked || !consists_of(word, TOKEN))
            return false;
        head->ends_chunked = strcasecmp(word, "chunked") == 0;
        head->unknown_coding |= !head->ends_chunked;
    }
    return head->ends_chunked || head->unknown_coding;
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
        return head->hosts++ == 0 && (value[0] == '\0' || is_authority(value));
    if (strcasecmp(line, "Content-Length") == 0) {
        head->has_content |= !consists_of(value, "0");
        return head->lengths++ == 0 && consists_of(value, DIGITS);
    }
    if (strcasecmp(line, "Transfer-Encoding") == 0)
        return read_codings(head, value);
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

static int find_status(Head *head, const char *at, const char *end)
{
    char line[HTTP_LONGEST_HEAD + 1];
    bool clean = next_line(line, &at, end);

    if (!clean || !read_first_line(head, line) || !read_fields(head, at, end))
        return 400;
    bool has_codings = head->unknown_coding || head->ends_chunked;
    if (has_codings && (head->lengths > 0 || head->minor == '0'))
        return 400;
    if (head->unknown_coding)
        return 501;
    if (has_codings || head->has_content)
        return 413;
    if (strcmp(head->method, "GET") != 0 && strcmp(head->method, "HEAD") != 0)
        return 405;
    const char *rest = head->path + (head->path[0] == '/');
    return rest[0] == '\0' || rest[0] == '?' ? 200 : 404;
}

Answer http_reference_answer(const char *text, size_t size)
{
    static Head head;

    if (text[0] == '\n' || (size == 2 && text[0] == '\r'))
        return (Answer){0, false, NULL};
    head = (Head){0};
    int status = find_status(&head, text, text + size);
    bool last = status == 400 || status == 413 || status == 501 || head.close;
    bool old = head.minor == '0';
    return (Answer){
        .status = status,
        .has_body = strcmp(head.method, "HEAD") != 0,
        .connection = last || (old && !head.keep_alive) ? "close"
                      : old                             ? "keep-alive"
                                                        : NULL,
    };
}
