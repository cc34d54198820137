#include "statistics.h"

#include <errno.h>
#include <inttypes.h>

void statistics_add(Statistics *sum, const Statistics *more)
{
    sum->accepted += more->accepted;
    for (int reason = 0; reason < REASONS; reason++)
        sum->closed[reason] += more->closed[reason];
    sum->messages_in += more->messages_in;
    sum->messages_out += more->messages_out;
    sum->bytes_in += more->bytes_in;
    sum->bytes_out += more->bytes_out;
    sum->pauses += more->pauses;
    sum->timers += more->timers;
    sum->queued += more->queued;
    sum->woken += more->woken;
}

static void print_closed(FILE *out, const Statistics *of)
{
    static const char *const names[REASONS] = {
        "peer", "server", "idle", "error", "limit", "drain",
    };
    uint64_t closed = 0;

    for (int reason = 0; reason < REASONS; reason++)
        closed += of->closed[reason];
    fprintf(out, "accepted %" PRIu64 ", open %" PRIu64 ", closed %" PRIu64,
            of->accepted, of->accepted - closed, closed);
    for (int reason = 0; reason < REASONS; reason++)
        fprintf(out, "%s%s %" PRIu64, reason == 0 ? " (" : ", ", names[reason],
                of->closed[reason]);
    fputc(')', out);
}

void statistics_print(FILE *out, const char *name, const Statistics *of)
{
    fprintf(out, "%s: %s: ", program_invocation_short_name, name);
    print_closed(out, of);
    fprintf(out,
            "; messages in %" PRIu64 ", out %" PRIu64 "; bytes in %" PRIu64
            ", out %" PRIu64 "; pauses %" PRIu64 "; timers %" PRIu64
            "; queued calls %" PRIu64 ", wake-ups %" PRIu64 "\n",
            of->messages_in, of->messages_out, of->bytes_in, of->bytes_out,
            of->pauses, of->timers, of->queued, of->woken);
}
