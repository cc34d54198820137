#include "options.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    {'h', NULL, "print this help"},
    {0},
};

/* Return the line that shows all options. */
static const char *usage(void)
{
    static char text[600];
    char *end = text;

    end += sprintf(end, "usage: %.255s", program_invocation_short_name);
    for (const Option *option = all_options; option->letter != 0; option++) {
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

/*
 * Write the letters as getopt(3) wants them: ':' after a letter that has a
 * value. ':' in front keeps getopt from printing messages of its own.
 */
static void write_letters(char *letters)
{
    *letters++ = ':';
    for (const Option *option = all_options; option->letter != 0; option++) {
        *letters++ = option->letter;
        if (option->value != NULL)
            *letters++ = ':';
    }
    *letters = '\0';
}

/*
 * The address and the port, which options_parse joins into one InetAddress
 * at the end.
 */
static struct {
    const char *address;
    unsigned port;
} pending = {
    .address = "127.0.0.1",
    .port = 8000,
};

static void apply_option(Options *options, int letter, const char *text)
{
    const char option[] = {'-', (char)optopt, '\0'};

    switch (letter) {
    case 'a': pending.address = text; break;
    case 'p': pending.port = to_number(letter, text, 0, 65535); break;
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
    char getopt_letters[2 * sizeof(all_options) / sizeof(all_options[0])];
    int letter;

    log_open();
    write_letters(getopt_letters);
    while ((letter = getopt(argc, argv, getopt_letters)) != -1)
        apply_option(&options, letter, optarg);
    if (optind < argc)
        wrong_use("stray argument", argv[optind]);
    if (inet_address_parse(&options.address, pending.address) < 0)
        wrong_use("-a: not a numeric IPv4 or IPv6 address", pending.address);
    inet_address_set_port(&options.address, (uint16_t)pending.port);
    return options;
}
