#include "log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST = 500 };

/*
 * A pipe that nobody reads fills up. What would block on it is dropped: no
 * client is to wait for whoever reads the messages.
 */
static bool would_block(void)
{
    struct pollfd standard_error = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&standard_error, 1, 0) == 0;
}

/* Standard error has no buffer: what one call prints is one write(2). */
static void print(const char *format, va_list arguments, const char *reason)
{
    char message[LONGEST];

    if (would_block())
        return;
    vsnprintf(message, sizeof(message), format, arguments);
    fprintf(stderr, "%s: %s%s%s\n", program_invocation_short_name, message,
            reason ? ": " : "", reason ? reason : "");
}

/* As many whole lines as a pipe takes in one piece; each is much shorter. */
static size_t first_lines(const char *text, size_t size)
{
    if (size <= PIPE_BUF)
        return size;
    const char *newline = memrchr(text, '\n', PIPE_BUF);
    return newline == NULL ? PIPE_BUF : (size_t)(newline - text) + 1;
}

void log_text(const char *text, size_t size)
{
    while (size > 0 && !would_block()) {
        size_t piece = first_lines(text, size);
        ssize_t written = write(STDERR_FILENO, text, piece);
        if (written < 0)
            return;
        text += written;
        size -= (size_t)written;
    }
}

void log_line(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print(format, arguments, NULL);
    va_end(arguments);
}

void log_error(const char *format, ...)
{
    char buffer[100];
    const char *reason = strerror_r(errno, buffer, sizeof(buffer));
    va_list arguments;

    va_start(arguments, format);
    print(format, arguments, reason);
    va_end(arguments);
}
