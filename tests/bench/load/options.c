#include "options.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t MILLISECOND = 1000000;

static const char usage[] =
    "usage: load -p PORT [option...]\n"
    "  -a ADDR     the server's IPv4 address (127.0.0.1)\n"
    "  -p PORT     its port\n"
    "  -m MODE     echo, rounds, connect, hold or chat (echo)\n"
    "  -c N        clients that talk (1)\n"
    "  -q N        connections beside them that stay silent (0)\n"
    "  -s BYTES    size of a message (64)\n"
    "  -f N        messages of one client in flight at once (1)\n"
    "  -n N        messages in all; 0: as many as the time allows (0)\n"
    "  -t MS       how long to measure (1000)\n"
    "  -w MS       how long to warm up before that (0)\n"
    "  -e MS       no byte for so long is an error (5000)\n"
    "  -l SECONDS  give up after so long (60)\n"
    "  -P PID      the server's process, to report its CPU time\n"
    "One line of JSON on standard output says what was measured.\n"
    "In mode hold, standard input says `echo BYTES`: each client in turn sends\n"
    "so many and reads them back. `ready` and `done` answer. In mode chat the\n"
    "clients are members of a chat, and standard input says `lines COUNT`: the\n"
    "first one sends so many lines, and each must come to all others. A line\n"
    "that has come to one of them is a message.\n";

static _Noreturn void wrong_use(const char *what, const char *value)
{
    warnx("%s: %s", what, value);
    fputs(usage, stderr);
    exit(2);
}

static long number(const char *text, long least, long most)
{
    char *end;

    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        wrong_use("not a number", text);
    if (value < least || value > most)
        wrong_use("out of range", text);
    return value;
}

static Mode mode_of(const char *text)
{
    static const char *const names[] = {"echo", "rounds", "connect", "hold",
                                        "chat"};

    for (int i = 0; i < 5; i++)
        if (strcmp(text, names[i]) == 0)
            return (Mode)i;
    wrong_use("unknown mode", text);
}

static void set_address(Options *options, const char *text)
{
    if (inet_pton(AF_INET, text, &options->address.sin_addr) != 1)
        wrong_use("not a numeric IPv4 address", text);
}

static void set_option(Options *options, int letter, const char *value)
{
    const long most = 1L << 40;

    switch (letter) {
    case 'a': set_address(options, value); break;
    case 'p':
        options->address.sin_port = htons((uint16_t)number(value, 1, 65535));
        break;
    case 'm': options->mode = mode_of(value); break;
    case 'c': options->clients = number(value, 1, 100000); break;
    case 'q': options->quiet = number(value, 0, 100000); break;
    case 's': options->size = number(value, 1, 1L << 30); break;
    case 'f': options->flight = number(value, 1, 4096); break;
    case 'n': options->messages = number(value, 0, most); break;
    case 't': options->length = number(value, 1, 600000) * MILLISECOND; break;
    case 'w': options->warmup = number(value, 0, 600000) * MILLISECOND; break;
    case 'e': options->stall = number(value, 1, 600000) * MILLISECOND; break;
    case 'l': options->limit = number(value, 1, 3600); break;
    case 'P': options->server = (pid_t)number(value, 1, most); break;
    default: errx(2, "option -%c is not handled", letter);
    }
}

Options options_parse(int argc, char **argv)
{
    Options options = {
        .address = {.sin_family = AF_INET},
        .clients = 1,
        .size = 64,
        .flight = 1,
        .length = 1000 * MILLISECOND,
        .stall = 5000 * MILLISECOND,
        .limit = 60,
    };
    int letter;

    set_address(&options, "127.0.0.1");
    while ((letter = getopt(argc, argv, ":a:p:m:c:q:s:f:n:t:w:e:l:P:h")) !=
           -1) {
        char option[] = {'-', (char)optopt, '\0'};
        switch (letter) {
        case 'h': exit(fputs(usage, stdout) < 0);
        case ':': wrong_use("value missing", option);
        case '?': wrong_use("unknown option", option);
        default: set_option(&options, letter, optarg);
        }
    }
    if (optind < argc)
        wrong_use("stray argument", argv[optind]);
    if (options.address.sin_port == 0)
        wrong_use("which port?", "-p is missing");
    return options;
}
