/*
 * A load generator for echo servers: many clients on one thread, every byte
 * that comes back checked, one line of JSON about what it took.
 */
#include "bytes.h"
#include "modes.h"

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* Nothing may hang for ever, whatever the server does. */
static void on_alarm(int signo)
{
    static const char text[] = "load: gave up at its limit (-l)\n";

    (void)signo;
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(1);
    _exit(1);
}

static double seconds(int64_t nanoseconds)
{
    return (double)nanoseconds / 1e9;
}

static void print_latency(const Histogram *latency)
{
    printf("\"p50_us\":%.2f,\"p99_us\":%.2f,\"max_us\":%.2f,",
           (double)histogram_percentile(latency, 0.5) / 1e3,
           (double)histogram_percentile(latency, 0.99) / 1e3,
           (double)latency->largest / 1e3);
}

static void report(const Engine *engine)
{
    const Snapshot *begin = &engine->begin;
    const Snapshot *end = &engine->end;
    double length = seconds(end->time - begin->time);
    double messages = (double)(end->messages - begin->messages);
    double server = seconds(end->server.cpu - begin->server.cpu);
    double own = seconds(end->own.cpu - begin->own.cpu);
    double sleeps = (double)(end->server.sleeps - begin->server.sleeps);

    printf("{\"messages\":%.0f,\"seconds\":%.6f,\"per_second\":%.1f,", messages,
           length, messages / length);
    print_latency(&engine->latency);
    printf("\"server_cpu_us\":%.4f,\"server_share\":%.4f,"
           "\"server_sleeps\":%.4f,\"load_cpu_us\":%.4f,\"load_share\":%.4f}\n",
           server * 1e6 / messages, server / length, sleeps / messages,
           own * 1e6 / messages, own / length);
    if (fflush(stdout) != 0)
        err(1, "standard output");
}

int main(int argc, char **argv)
{
    static Engine engine;
    Options options = options_parse(argc, argv);

    signal(SIGALRM, on_alarm);
    alarm((unsigned)options.limit);
    bytes_prepare();
    engine_open(&engine, &options);
    if (options.mode == MODE_HOLD || options.mode == MODE_CHAT) {
        if (options.mode == MODE_HOLD)
            mode_hold(&engine);
        else
            mode_chat(&engine, report);
        return 0;
    }
    if (options.mode == MODE_CONNECT)
        mode_connect(&engine);
    else
        mode_echo(&engine);
    report(&engine);
    return 0;
}
