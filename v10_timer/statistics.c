#include "statistics.h"
#include "log.h"

#include <inttypes.h>
#include <stdio.h>

enum { LONGEST_PART = 300 };

static void format_closed(char *text, const Statistics *statistics)
{
    const uint64_t *closed = statistics->closed;
    uint64_t all = 0;

    for (int reason = 0; reason < REASONS; reason++)
        all += closed[reason];
    snprintf(text, LONGEST_PART,
             "accepted %" PRIu64 ", open %" PRIu64 ", closed %" PRIu64
             " (peer %" PRIu64 ", server %" PRIu64 ", idle %" PRIu64
             ", error %" PRIu64 ", limit %" PRIu64 ", drain %" PRIu64 ")",
             statistics->accepted, statistics->accepted - all, all,
             closed[REASON_PEER], closed[REASON_SERVER], closed[REASON_IDLE],
             closed[REASON_ERROR], closed[REASON_LIMIT], closed[REASON_DRAIN]);
}

static void format_moved(char *text, const Statistics *statistics)
{
    snprintf(text, LONGEST_PART,
             "messages in %" PRIu64 ", out %" PRIu64 "; bytes in %" PRIu64
             ", out %" PRIu64,
             statistics->messages_in, statistics->messages_out,
             statistics->bytes_in, statistics->bytes_out);
}

void statistics_print(const char *name, const Statistics *statistics)
{
    char closed[LONGEST_PART];
    char moved[LONGEST_PART];

    format_closed(closed, statistics);
    format_moved(moved, statistics);
    log_line("%s: %s; %s; pauses %" PRIu64 "; timers %" PRIu64
             "; queued calls %" PRIu64 ", wake-ups %" PRIu64,
             name, closed, moved, statistics->pauses, statistics->timers,
             statistics->queued, statistics->woken);
}
