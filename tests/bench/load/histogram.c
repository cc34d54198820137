#include "histogram.h"

#include <string.h>

/* 2 to this power is HISTOGRAM_PARTS. */
enum { PART_BITS = 5 };

static unsigned bucket_of(uint64_t value)
{
    if (value < HISTOGRAM_PARTS)
        return (unsigned)value;
    unsigned shift = 63 - PART_BITS - (unsigned)__builtin_clzll(value);
    return shift * HISTOGRAM_PARTS + (unsigned)(value >> shift);
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned bucket)
{
    if (bucket < 2 * HISTOGRAM_PARTS)
        return bucket;
    unsigned shift = bucket / HISTOGRAM_PARTS - 1;
    uint64_t first = bucket % HISTOGRAM_PARTS + HISTOGRAM_PARTS;
    return (first << shift) + (((uint64_t)1 << shift) - 1) / 2;
}

void histogram_clear(Histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
}

void histogram_record(Histogram *histogram, uint64_t value)
{
    histogram->count[bucket_of(value)]++;
    histogram->total++;
    if (value > histogram->largest)
        histogram->largest = value;
}

uint64_t histogram_percentile(const Histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)histogram->total);
    uint64_t seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->count[i];
        if (seen > wanted)
            return value_of(i);
    }
    return histogram->largest;
}
