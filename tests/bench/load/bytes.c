#include "bytes.h"

/*
 * The stream repeats itself after a prime number of bytes. No buffer in a
 * server has such a size, so bytes that come back from a wrong place differ.
 */
enum { PERIOD = 65521 };

static char stream[PERIOD + BYTES_PIECE];

void bytes_prepare(void)
{
    uint32_t state = 2463534242; /* any number but 0: a xorshift generator */

    for (int i = 0; i < PERIOD; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        stream[i] = (char)(state >> 24);
    }
    for (int i = 0; i < BYTES_PIECE; i++)
        stream[PERIOD + i] = stream[i];
}

const char *bytes_at(uint64_t position)
{
    return stream + position % PERIOD;
}
