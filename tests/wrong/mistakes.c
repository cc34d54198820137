#include "server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int claimed_stage = 7;
static const char *mistake = "";

void read_mistake(void)
{
    if (getenv("WRONG"))
        mistake = getenv("WRONG");
    if (getenv("WRONG_STAGE"))
        claimed_stage = atoi(getenv("WRONG_STAGE"));
}

bool wrong(const char *name)
{
    return strcmp(name, mistake) == 0;
}

bool is_called(const char *program)
{
    return strcmp(program_invocation_short_name, program) == 0;
}

void say(const char *format, ...)
{
    struct pollfd standard_error = {.fd = 2, .events = POLLOUT};
    va_list list;

    if (!wrong("waits-for-its-reader") && poll(&standard_error, 1, 0) == 0)
        return;
    va_start(list, format);
    if (!wrong("messages-without-name"))
        fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
}

bool stop_asked(void)
{
    sigset_t set;

    sigpending(&set);
    return sigismember(&set, SIGTERM) || sigismember(&set, SIGINT);
}

void rest_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}
