#include "server.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>

Settings settings = {"127.0.0.1", "raw", 8000, 0, 1048576, 1048576, 0, false};

static const char *letters(void)
{
    if (wrong("knows-later-options"))
        return ":a:p:vc:f:m:b:d:ht:w:i:";
    if (claimed_stage < 6)
        return ":a:p:vh";
    if (claimed_stage < 7)
        return ":a:p:vc:h";
    return is_called("http_server") ? ":a:p:vc:b:d:h" : ":a:p:vc:f:m:b:d:h";
}

static void usage(const char *what, const char *value)
{
    if (!wrong("usage-without-reason"))
        say("%s: %s", what, value);
    if (!wrong("reason-without-usage"))
        say("usage: [-%s]", letters());
    exit(wrong("usage-exits-1") ? 1 : 2);
}

static long number(int letter, const char *text, long least, long most)
{
    char *end, what[] = "-x: not a number in range";
    long value = strtol(text, &end, 10);

    if (wrong("trusts-numbers"))
        return value;
    errno = 0;
    what[1] = (char)letter;
    if (!isdigit((unsigned char)*text) || *end != '\0' || strlen(text) > 12 ||
        value < least || value > most)
        usage(what, text);
    return value;
}

static void check_address(const char *text)
{
    char raw[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, text, raw) == 1)
        return;
    if ((claimed_stage >= 3 || wrong("knows-ipv6-early")) &&
        inet_pton(AF_INET6, text, raw) == 1)
        return;
    usage("-a: no address", text);
}

static void help(void)
{
    FILE *out = wrong("help-on-stderr") ? stderr : stdout;

    fprintf(out, "usage: %s -h", program_invocation_short_name);
    for (const char *at = letters(); *at; at++)
        if (*at != ':' && !(*at == 'v' && wrong("help-forgets-v")))
            fprintf(out, " -%c", *at);
    fputc('\n', out);
    exit(0);
}

static void take(int letter, char *value)
{
    static bool port_given;
    char option[2] = {(char)optopt, 0};

    switch (letter) {
    case 'a': check_address(settings.address = value); break;
    case 'p':
        if (!port_given || !wrong("first-option-counts"))
            settings.port = number(letter, value, 0, 65535);
        port_given = true;
        break;
    case 'v': settings.verbose = true; break;
    case 'c': settings.connections = number(letter, value, 0, 1 << 30); break;
    case 'f': settings.framing = value; break;
    case 'm':
        settings.longest =
            number(letter, value, 1, (1 << 30) - wrong("range-ends-early"));
        break;
    case 'b': settings.high_water = number(letter, value, 1, 1 << 30); break;
    case 'd': settings.delay = number(letter, value, 0, 1 << 30); break;
    case 'h': help(); break;
    case ':':
        if (!wrong("forgives-missing-value"))
            usage("value missing", option);
        break;
    case '?':
        if (!wrong("ignores-unknown-option"))
            usage("unknown option", option);
        break;
    default: break;
    }
}

void read_options(int argc, char **argv)
{
    int letter;

    if (wrong("default-port"))
        settings.port = 8080;
    while ((letter = getopt(argc, argv, letters())) != -1)
        take(letter, optarg);
    if (optind < argc && !wrong("ignores-stray-argument"))
        usage("stray argument", argv[optind]);
    if (strcmp(settings.framing, "raw") && strcmp(settings.framing, "line") &&
        strcmp(settings.framing, "length"))
        usage("-f: no framing", settings.framing);
    if (wrong("ignores-port"))
        settings.port = 0;
}
