#include "log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The descriptors that log_write uses instead of 0, 1 and 2. */
static int outputs[] = {0, 1, 2};

/* Guards the line, and its rest: a terminal may take a part of a line. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char line[700];
static const char *rest = line;
static size_t rest_size;

/*
 * Open the file behind fd once more, as a descriptor that does not block. To
 * set O_NONBLOCK on fd itself would be wrong: it is shared with the shell. A
 * regular file needs none, and the new one would write over its beginning.
 */
static void open_output(int fd)
{
    int access = fcntl(fd, F_GETFL) & O_ACCMODE;
    struct stat file;
    char path[32];

    if (fstat(fd, &file) < 0 ||
        (!S_ISFIFO(file.st_mode) && !S_ISCHR(file.st_mode)))
        return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int output = open(path, access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (output >= 0)
        outputs[fd] = output;
}

static void close_outputs(void)
{
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
        if (outputs[fd] != fd)
            close(outputs[fd]);
}

/* If 2 is closed, a client's socket becomes 2 and gets the messages. */
static void open_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", O_RDWR); /* takes the lowest free number: fd */
}

void log_open(void)
{
    open_standard_descriptors();
    open_output(STDOUT_FILENO);
    open_output(STDERR_FILENO);
    atexit(close_outputs);
    signal(SIGTTOU, SIG_IGN); /* a terminal would stop a background process */
    signal(SIGXFSZ, SIG_IGN); /* a file at its size limit would kill it */
}

ssize_t log_write(int fd, const char *text, size_t size)
{
    struct pollfd output = {.fd = outputs[fd], .events = POLLOUT};
    /* If fd is a socket, the flag keeps this one call from waiting. */
    ssize_t written = send(fd, text, size, MSG_DONTWAIT);

    if (written >= 0 || errno != ENOTSOCK)
        return written;
    /* Without a non-blocking descriptor of our own, ask first for room. */
    if (output.fd == fd && poll(&output, 1, 0) < 1) {
        errno = EAGAIN;
        return -1;
    }
    return write(output.fd, text, size);
}

/* Return how many bytes went out. */
static size_t write_rest(void)
{
    ssize_t written = log_write(STDERR_FILENO, rest, rest_size);

    if (written < 0)
        return 0;
    rest += written;
    rest_size -= (size_t)written;
    return (size_t)written;
}

/* Fill the line. A control character becomes '?': a message is one line. */
static void format_line(const char *format, va_list arguments,
                        const char *reason)
{
    char message[501];

    vsnprintf(message, sizeof(message), format, arguments);
    snprintf(line, sizeof(line), "%s: %s%s%s", program_invocation_short_name,
             message, reason ? ": " : "", reason ? reason : "");
    rest = line;
    rest_size = strlen(line) + 1;
    for (char *next = line; *next != '\0'; next++)
        if (iscntrl((unsigned char)*next))
            *next = '?';
    line[rest_size - 1] = '\n';
}

static void print(const char *format, va_list arguments, const char *reason)
{
    int saved_errno = errno;

    pthread_mutex_lock(&lock);
    if (rest_size > 0)
        write_rest();
    if (rest_size == 0) {
        format_line(format, arguments, reason);
        if (write_rest() == 0)
            rest_size = 0; /* there is no room: drop the line */
    }
    pthread_mutex_unlock(&lock);
    errno = saved_errno;
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
