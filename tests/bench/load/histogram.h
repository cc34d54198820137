/*
 * How often each duration was seen, in buckets that grow with what they
 * count: a percentile is at most 3 % off, and a record costs a few
 * instructions however many there are.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

/* Each power of two is cut into so many buckets of one width. */
enum { HISTOGRAM_PARTS = 32, HISTOGRAM_BUCKETS = 60 * HISTOGRAM_PARTS };

typedef struct Histogram {
    uint64_t count[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t largest;
} Histogram;

void histogram_clear(Histogram *histogram);
void histogram_record(Histogram *histogram, uint64_t value);

/* The value that this share (0 to 1) of the records does not exceed. */
uint64_t histogram_percentile(const Histogram *histogram, double share);

#endif
