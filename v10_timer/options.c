#include "options.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct Option {
    char letter;
    const char *value; /* NULL: it takes none */
    const char *help;
} Option;

static const Option known[] = {
    {'a', "ADDR", "address to listen on, IPv4 or IPv6 (127.0.0.1)"},
    {'p', "PORT", "port; 0 lets the system choose (8000)"},
    {'v', NULL, "say who connects and who leaves"},
    {'c', "N", "at most N connections at once; 0: no limit (0)"},
    {'f', "FRAMING", "what a message is: raw, line or length (raw)"},
    {'m', "BYTES", "the longest message (1048576)"},
    {'b', "BYTES", "unsent output at which reading stops (1048576)"},
    {'d', "MS", "milliseconds that each message takes (0)"},
    {'t', "N", "I/O threads; 0: the main loop serves all (one per CPU)"},
    {'w', "N", "worker threads; 0: I/O threads handle messages (0)"},
    {'n', "N", "processes that share the port (one per CPU)"},
    {'i', "SECONDS", "close a connection idle for so long; 0: never (60)"},
    {'h', NULL, "print this help"},
    {0},
};

enum { MANY = 1 << 30 };
enum { DAY = 24 * 60 * 60 * 1000 }; /* milliseconds */
enum { THREADS = 1024 };

static const char *taken; /* the letters that this program takes */

static bool is_taken(const Option *option)
{
    return option->letter == 'h' || strchr(taken, option->letter) != NULL;
}

static void print_usage(FILE *out)
{
    fprintf(out, "usage: %s", program_invocation_short_name);
    for (const Option *option = known; option->letter != 0; option++) {
        if (!is_taken(option))
            continue;
        if (option->value != NULL)
            fprintf(out, " [-%c %s]", option->letter, option->value);
        else
            fprintf(out, " [-%c]", option->letter);
    }
    fputc('\n', out);
}

static _Noreturn void print_help(void)
{
    print_usage(stdout);
    for (const Option *option = known; option->letter != 0; option++) {
        if (!is_taken(option))
            continue;
        printf("  -%c %-8s %s\n", option->letter,
               option->value ? option->value : "", option->help);
    }
    exit(fflush(stdout) != 0);
}

static _Noreturn void wrong_use(const char *what, const char *text)
{
    log_line("%s: %s", what, text);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    print_usage(stderr);
    exit(2);
}

static unsigned number(int letter, const char *text, unsigned least,
                       unsigned most)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long value = strtoul(text, NULL, 10);

    if (digits == 0 || text[digits] != '\0' || value < least || value > most) {
        char what[64];
        snprintf(what, sizeof(what), "-%c: not a number from %u to %u", letter,
                 least, most);
        wrong_use(what, text);
    }
    return (unsigned)value;
}

/* Seconds, with a decimal fraction or without. */
static unsigned milliseconds(int letter, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    size_t length = digits;
    char *end;

    if (text[length] == '.') {
        digits += strspn(text + length + 1, "0123456789");
        length = digits + 1;
    }
    double seconds = strtod(text, &end);
    if (digits == 0 || text[length] != '\0' || seconds * 1000 > DAY) {
        char what[64];
        snprintf(what, sizeof(what), "-%c: not a number from 0 to %d", letter,
                 DAY / 1000);
        wrong_use(what, text);
    }
    unsigned rounded = (unsigned)(seconds * 1000 + 0.5);
    return seconds > 0 && rounded == 0 ? 1 : rounded;
}

static Codec framing(const char *text, size_t limit)
{
    if (strcmp(text, "raw") == 0)
        return codec_raw();
    if (strcmp(text, "line") == 0)
        return codec_line(limit);
    if (strcmp(text, "length") == 0)
        return codec_length(limit);
    wrong_use("-f: not raw, line or length", text);
}

/* The letters as getopt(3) wants them; with ':' in front it says nothing. */
static void write_letters(char *letters)
{
    *letters++ = ':';
    for (const Option *option = known; option->letter != 0; option++) {
        if (!is_taken(option))
            continue;
        *letters++ = option->letter;
        if (option->value != NULL)
            *letters++ = ':';
    }
    *letters = '\0';
}

/* What is no option yet but goes into one with others. */
static struct {
    const char *address;
    unsigned port;
    const char *framing;
    unsigned longest;
} given = {
    .address = "127.0.0.1",
    .port = 8000,
    .framing = "raw",
    .longest = 1048576,
};

static void take(Options *options, int letter, const char *text)
{
    const char option[] = {'-', (char)optopt, '\0'};

    switch (letter) {
    case 'a': given.address = text; break;
    case 'p': given.port = number(letter, text, 0, 65535); break;
    case 'v': options->verbose = true; break;
    case 'c': options->connections = number(letter, text, 0, MANY); break;
    case 'f': given.framing = text; break;
    case 'm': given.longest = number(letter, text, 1, MANY); break;
    case 'b': options->high_water = number(letter, text, 1, MANY); break;
    case 'd': options->delay = number(letter, text, 0, DAY); break;
    case 't': options->io_threads = number(letter, text, 0, THREADS); break;
    case 'w': options->workers = number(letter, text, 0, THREADS); break;
    case 'n': options->processes = number(letter, text, 1, THREADS); break;
    case 'i': options->idle = milliseconds(letter, text); break;
    case 'h': print_help();
    case ':': wrong_use("value missing", option);
    default: wrong_use("unknown option", option);
    }
}

Options options_parse(int argc, char **argv, const char *letters)
{
    unsigned cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    Options options = {
        .verbose = false,
        .high_water = 1048576,
        .io_threads = cpus,
        .processes = cpus,
        .idle = 60000,
    };
    char all[2 * sizeof(known) / sizeof(known[0])];
    int letter;

    taken = letters;
    write_letters(all);
    while ((letter = getopt(argc, argv, all)) != -1)
        take(&options, letter, optarg);
    if (optind < argc)
        wrong_use("stray argument", argv[optind]);
    if (inet_address_parse(&options.address, given.address) < 0)
        wrong_use("-a: not a numeric IPv4 or IPv6 address", given.address);
    inet_address_set_port(&options.address, (uint16_t)given.port);
    options.codec = framing(given.framing, given.longest);
    return options;
}

void options_delay(const Options *options)
{
    struct timespec left = {.tv_sec = options->delay / 1000,
                            .tv_nsec = options->delay % 1000 * 1000000L};

    if (options->delay == 0)
        return; /* nanosleep(2) would sleep for a moment all the same */
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}
