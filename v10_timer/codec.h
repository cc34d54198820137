/*
 * Codec: tells where a message ends. TCP carries bytes and knows no messages:
 * client and server must agree how to cut them out of the bytes.
 *
 * A codec is a value, copied freely. It keeps nothing between two calls, so
 * any thread may use it.
 */
#ifndef CODEC_H
#define CODEC_H

#include <stddef.h>
#include <sys/types.h>

enum { CODEC_NOT_YET = 0, CODEC_TOO_LONG = -1 };

/* The most bytes that one read brings. */
enum { CODEC_RAW_LONGEST = 256 * 1024 };

typedef struct Codec {
    /*
     * Find the first message in data; size is more than 0. Return its length,
     * with header or newline; or CODEC_NOT_YET while more bytes must come; or
     * CODEC_TOO_LONG if the message is, or will be, longer than longest.
     * An earlier call has looked at the first scanned bytes and returned
     * CODEC_NOT_YET: so a long line that comes in small pieces is searched
     * once, not again for each piece.
     */
    ssize_t (*find)(const char *data, size_t size, size_t scanned,
                    size_t longest);
    size_t longest; /* with header or newline */
} Codec;

/* A message is what one read brings: at most CODEC_RAW_LONGEST bytes. */
Codec codec_raw(void);

/* A message is a line: at most limit bytes, then '\n'. */
Codec codec_line(size_t limit);

/* A message is a 4-byte length in network order, then so many bytes. */
Codec codec_length(size_t limit);

#endif
