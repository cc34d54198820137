#include "process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 128, TEXT_SIZE = 4096 };

/* Returns whether there was something to read. */
static int read_text(const char *path, char text[TEXT_SIZE])
{
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return 0;
    size_t size = fread(text, 1, TEXT_SIZE - 1, file);
    text[size] = '\0';
    fclose(file);
    return size > 0;
}

static int read_of(pid_t process, const char *thread, const char *name,
                   char text[TEXT_SIZE])
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "/proc/%d/task/%.32s/%s", (int)process, thread,
             name);
    return read_text(path, text);
}

/* In ticks of 10 ms; for kernels that do not count nanoseconds. */
static int64_t coarse_cpu(const char *stat)
{
    const char *after = strrchr(stat, ')');
    long user = 0;
    long system = 0;

    /* Fields 14 and 15; the second, the name, may hold anything. */
    for (int field = 2; after != NULL && field < 14; field++)
        after = strchr(after + 1, ' ');
    if (after != NULL) {
        char *next;
        user = strtol(after, &next, 10);
        system = strtol(next, NULL, 10);
    }
    return (user + system) * (1000000000 / sysconf(_SC_CLK_TCK));
}

static Usage thread_usage(pid_t process, const char *thread)
{
    static const char label[] = "\nvoluntary_ctxt_switches:";
    char text[TEXT_SIZE];
    Usage usage = {0};

    if (read_of(process, thread, "schedstat", text))
        usage.cpu = strtoll(text, NULL, 10);
    else if (read_of(process, thread, "stat", text))
        usage.cpu = coarse_cpu(text);
    if (read_of(process, thread, "status", text)) {
        const char *line = strstr(text, label);
        if (line != NULL)
            usage.sleeps = strtoll(line + sizeof(label) - 1, NULL, 10);
    }
    return usage;
}

static void add(Usage *sum, Usage more)
{
    sum->cpu += more.cpu;
    sum->sleeps += more.sleeps;
}

static Usage own_threads(pid_t process)
{
    char path[PATH_SIZE];
    Usage sum = {0};
    struct dirent *entry;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)process);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        return sum;
    while ((entry = readdir(tasks)) != NULL)
        if (entry->d_name[0] != '.')
            add(&sum, thread_usage(process, entry->d_name));
    closedir(tasks);
    return sum;
}

Usage process_usage(pid_t process)
{
    char thread[16];
    char text[TEXT_SIZE];
    Usage sum = own_threads(process);

    snprintf(thread, sizeof(thread), "%d", (int)process);
    if (!read_of(process, thread, "children", text))
        return sum;
    char *next = text;
    while (*next != '\0') {
        long child = strtol(next, &next, 10);
        if (child <= 0)
            break;
        add(&sum, own_threads((pid_t)child));
        next += strspn(next, " \n");
    }
    return sum;
}

Usage process_own_usage(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (Usage){.cpu = now.tv_sec * 1000000000 + now.tv_nsec};
}
