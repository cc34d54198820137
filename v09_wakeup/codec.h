/*
 * Codec: where a message ends. TCP carries bytes and knows no messages; a
 * Codec is the agreement between client and server that cuts them out.
 *
 * A Codec is two words, copied freely; it keeps nothing between calls. Any
 * thread may use it.
 */
#ifndef CODEC_H
#define CODEC_H

#include <stddef.h>
#include <sys/types.h>

enum { CODEC_NOT_YET = 0, CODEC_TOO_LONG = -1 };

/* What one read brings at most. */
enum { CODEC_RAW_LONGEST = 256 * 1024 };

typedef struct Codec {
    /*
     * Finds the first message in data, of which size > 0 bytes have come.
     * Returns its length, header and newline included; CODEC_NOT_YET while
     * more must come; CODEC_TOO_LONG when it is or would be over longest.
     * The first scanned bytes were seen by an earlier call that answered
     * CODEC_NOT_YET: a long line that comes in small pieces is looked
     * through once, not once for each piece.
     */
    ssize_t (*find)(const char *data, size_t size, size_t scanned,
                    size_t longest);
    size_t longest; /* header and newline included */
} Codec;

/* A message is whatever one read brought: at most CODEC_RAW_LONGEST bytes. */
Codec codec_raw(void);

/* A message is a line: at most limit bytes, then '\n'. */
Codec codec_line(size_t limit);

/* A message is a 4-byte length in network order, then so many bytes. */
Codec codec_length(size_t limit);

#endif
