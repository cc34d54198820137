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
    const char *value; /* the value's name in the help; NULL: it has none */
    const char *help;
} Option;

static const Option all_options[] = {
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
    {'h', NULL, "print this help"},
    {0},
};

enum { MANY = 1 << 30 };
enum { THREADS = 1024 };
static const unsigned day = 24 * 60 * 60 * 1000; /* milliseconds */

static const char *accepted_letters;

static bool is_accepted(const Option *option)
{
    return option->letter == 'h' ||
           strchr(accepted_letters, option->letter) != NULL;
}

/* Return the line that shows all options. */
static const char *usage(void)
{
    static char text[600];
    char *end = text;

    end += sprintf(end, "usage: %.255s", program_invocation_short_name);
    for (const Option *option = all_options; option->letter != 0; option++) {
        if (!is_accepted(option))
            continue;
        if (option->value != NULL)
            end += sprintf(end, " [-%c %s]", option->letter, option->value);
        else
            end += sprintf(end, " [-%c]", option->letter);
    }
    return text;
}

static _Noreturn void print_help(void)
{
    puts(usage());
    for (const Option *option = all_options; option->letter != 0; option++) {
        if (!is_accepted(option))
            continue;
        printf("  -%c %-8s %s\n", option->letter,
               option->value ? option->value : "", option->help);
    }
    exit(fflush(stdout) != 0);
}

static _Noreturn void wrong_use(const char *problem, const char *text)
{
    log_line("%s: %s", problem, text);
    log_line("%s", usage());
    exit(2);
}

static unsigned to_number(int letter, const char *text, unsigned least,
                          unsigned most)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long value = strtoul(text, NULL, 10);

    if (digits == 0 || text[digits] != '\0' || value < least || value > most) {
        char problem[64];
        snprintf(problem, sizeof(problem), "-%c: not a number from %u to %u",
                 letter, least, most);
        wrong_use(problem, text);
    }
    return (unsigned)value;
}

static Codec to_codec(const char *text, size_t limit)
{
    if (strcmp(text, "raw") == 0)
        return codec_raw();
    if (strcmp(text, "line") == 0)
        return codec_line(limit);
    if (strcmp(text, "length") == 0)
        return codec_length(limit);
    wrong_use("-f: not raw, line or length", text);
}

/*
 * Write the letters as getopt(3) wants them: ':' after a letter that has a
 * value. ':' in front keeps getopt from printing messages of its own.
 */
static void write_letters(char *letters)
{
    *letters++ = ':';
    for (const Option *option = all_options; option->letter != 0; option++) {
        if (!is_accepted(option))
            continue;
        *letters++ = option->letter;
        if (option->value != NULL)
            *letters++ = ':';
    }
    *letters = '\0';
}

/*
 * The address and the port, which options_parse joins into one InetAddress
 * at the end; the framing and the longest message, which become one Codec.
 */
static struct {
    const char *address;
    unsigned port;
    const char *framing;
} pending = {
    .address = "127.0.0.1",
    .port = 8000,
    .framing = "raw",
};

static void apply_option(Options *options, int letter, const char *text)
{
    const char option[] = {'-', (char)optopt, '\0'};

    switch (letter) {
    case 'a': pending.address = text; break;
    case 'p': pending.port = to_number(letter, text, 0, 65535); break;
    case 'v': options->verbose = true; break;
    case 'c': options->connections = to_number(letter, text, 0, MANY); break;
    case 'f': pending.framing = text; break;
    case 'm': options->longest = to_number(letter, text, 1, MANY); break;
    case 'b': options->high_water = to_number(letter, text, 1, MANY); break;
    case 'd': options->delay = to_number(letter, text, 0, day); break;
    case 't': options->io_threads = to_number(letter, text, 0, THREADS); break;
    case 'w': options->workers = to_number(letter, text, 0, THREADS); break;
    case 'n': options->processes = to_number(letter, text, 1, THREADS); break;
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
        .longest = 1048576,
        .high_water = 1048576,
        .io_threads = cpus,
        .processes = cpus,
    };
    char getopt_letters[2 * sizeof(all_options) / sizeof(all_options[0])];
    int letter;

    log_open();
    accepted_letters = letters;
    write_letters(getopt_letters);
    while ((letter = getopt(argc, argv, getopt_letters)) != -1)
        apply_option(&options, letter, optarg);
    if (optind < argc)
        wrong_use("stray argument", argv[optind]);
    if (inet_address_parse(&options.address, pending.address) < 0)
        wrong_use("-a: not a numeric IPv4 or IPv6 address", pending.address);
    inet_address_set_port(&options.address, (uint16_t)pending.port);
    options.codec = to_codec(pending.framing, options.longest);
    return options;
}

void options_delay(const Options *options)
{
    if (options->delay == 0)
        return; /* nanosleep(2) would sleep for a moment all the same */
    struct timespec left = {.tv_sec = options->delay / 1000,
                            .tv_nsec = options->delay % 1000 * 1000000L};
    /* A signal ends the sleep early: go on with what is left of it. */
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}
