/*
 * What the fuzz targets of the codecs share. An input begins with how it is
 * to be cut up: the number of sizes in the last three bits of one byte, then
 * so many sizes in a byte each, counted from '0' for 1 so that an input can
 * be typed. All of them in turn, again and again, cut what follows; without
 * any it comes in one piece. After a size with the highest bit set messages
 * are not handled until more has come, as when a connection is paused.
 *
 * What does not hold is said on standard error, and ends the program as a
 * crash, which libFuzzer looks for.
 */
#ifndef FEED_H
#define FEED_H

#include "codec.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Expected {
    Codec codec;
    /*
     * The reference: where the message ends with which data begins, or
     * CODEC_NOT_YET, or CODEC_TOO_LONG. NULL: anywhere.
     */
    ssize_t (*find)(const char *data, size_t size);
    /* A message was found as expected. Returns whether more may follow. */
    bool (*on_message)(const char *data, size_t size);
    void (*on_too_long)(void);
} Expected;

/* Says what is wrong, and crashes. */
__attribute__((format(printf, 1, 2))) _Noreturn void wrong(const char *format,
                                                           ...);

/*
 * Hands the input to the codec, whole and then cut up, as a connection does,
 * and compares what the codec makes of it with what is expected.
 */
void feed(const Expected *expected, const uint8_t *input, size_t size);

#endif
