#include "options.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    {'h', NULL, "print this help"},
    {0},
};

static void print_usage(FILE *out)
{
    fprintf(out, "usage: %s", program_invocation_short_name);
    for (const Option *option = known; option->letter != 0; option++) {
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

/* The letters as getopt(3) wants them; with ':' in front it says nothing. */
static void write_letters(char *letters)
{
    *letters++ = ':';
    for (const Option *option = known; option->letter != 0; option++) {
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
} given = {
    .address = "127.0.0.1",
    .port = 8000,
};

static void take(Options *options, int letter, const char *text)
{
    const char option[] = {'-', (char)optopt, '\0'};

    switch (letter) {
    case 'a': given.address = text; break;
    case 'p': given.port = number(letter, text, 0, 65535); break;
    case 'v': options->verbose = true; break;
    case 'h': print_help();
    case ':': wrong_use("value missing", option);
    default: wrong_use("unknown option", option);
    }
}

Options options_parse(int argc, char **argv)
{
    Options options = {
        .verbose = false,
    };
    char all[2 * sizeof(known) / sizeof(known[0])];
    int letter;

    write_letters(all);
    while ((letter = getopt(argc, argv, all)) != -1)
        take(&options, letter, optarg);
    if (optind < argc)
        wrong_use("stray argument", argv[optind]);
    if (inet_address_parse(&options.address, given.address) < 0)
        wrong_use("-a: not a numeric IPv4 or IPv6 address", given.address);
    inet_address_set_port(&options.address, (uint16_t)given.port);
    return options;
}
