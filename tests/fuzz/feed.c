#include "feed.h"
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Feed {
    const Expected *expected;
    const char *data; /* that is fed */
    size_t size;
    size_t done; /* so much of it was handed up in messages */
    Buffer input; /* come and not handed up */
    size_t scanned;
    bool over; /* no message may follow */
} Feed;

typedef struct Cuts {
    const uint8_t *sizes;
    size_t count;
} Cuts;

void wrong(const char *format, ...)
{
    va_list list;

    fputs("WRONG: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    abort();
}

/* What the reference makes of all that is still to come. */
static ssize_t find_expected(const Feed *feed)
{
    if (feed->expected->find == NULL)
        return feed->size > feed->done ? (ssize_t)(feed->size - feed->done)
                                       : CODEC_NOT_YET;
    return feed->expected->find(feed->data + feed->done,
                                feed->size - feed->done);
}

static void expect_message(Feed *feed, const char *data, size_t size)
{
    ssize_t length = find_expected(feed);

    if (feed->expected->find != NULL && length != (ssize_t)size)
        wrong("at byte %zu: a message of %zu bytes, expected %zd", feed->done,
              size, length);
    if (size > feed->size - feed->done ||
        memcmp(data, feed->data + feed->done, size) != 0)
        wrong("at byte %zu: %zu bytes that were not sent", feed->done, size);
    feed->done += size;
    feed->over = !feed->expected->on_message(data, size);
}

static void expect_too_long(Feed *feed)
{
    ssize_t length = find_expected(feed);

    if (length != CODEC_TOO_LONG)
        wrong("at byte %zu: too long, expected %zd", feed->done, length);
    feed->expected->on_too_long();
    feed->over = true;
}

/* Hands up one message after the other. Returns how many bytes they were. */
static size_t handle(Feed *feed, const char *data, size_t size)
{
    const Codec *codec = &feed->expected->codec;
    size_t used = 0;

    while (used < size && !feed->over) {
        ssize_t length = codec->find(data + used, size - used, feed->scanned,
                                     codec->longest);
        feed->scanned = length == CODEC_NOT_YET ? size - used : 0;
        if (length == CODEC_NOT_YET)
            break;
        if (length == CODEC_TOO_LONG) {
            expect_too_long(feed);
            break;
        }
        expect_message(feed, data + used, (size_t)length);
        used += (size_t)length;
    }
    return used;
}

/* Without a copy when nothing waits; what is left of it is kept. */
static void take(Feed *feed, const char *data, size_t size, bool later)
{
    bool first = buffer_size(&feed->input) == 0;
    size_t used = first && !later ? handle(feed, data, size) : 0;

    if (buffer_append(&feed->input, data + used, size - used) < 0)
        wrong("no memory for %zu bytes", size - used);
    if (!first && !later)
        buffer_consume(&feed->input, handle(feed, buffer_front(&feed->input),
                                            buffer_size(&feed->input)));
}

/* In memory of its own: who looks before or behind it is caught. */
static void take_copy(Feed *feed, const char *data, size_t size, bool later)
{
    char *piece = malloc(size);

    if (piece == NULL)
        return;
    memcpy(piece, data, size);
    take(feed, piece, size, later);
    free(piece);
}

static void feed_cut(const Expected *expected, const char *data, size_t size,
                     Cuts cuts)
{
    Feed feed = {.expected = expected, .data = data, .size = size};
    size_t at = 0;

    for (size_t turn = 0; at < size && !feed.over; turn++) {
        uint8_t cut = cuts.count > 0 ? cuts.sizes[turn % cuts.count] : 0;
        size_t piece = cuts.count > 0 ? 1 + ((cut - '0') & 0x7f) : size;
        if (piece > size - at)
            piece = size - at;
        bool last = at + piece == size;
        take_copy(&feed, data + at, piece, (cut & 0x80) && !last);
        at += piece;
    }
    if (!feed.over && find_expected(&feed) != CODEC_NOT_YET)
        wrong("after byte %zu nothing, expected %zd", feed.done,
              find_expected(&feed));
    buffer_reset(&feed.input);
}

void feed(const Expected *expected, const uint8_t *input, size_t size)
{
    size_t count = size > 0 ? input[0] & 7 : 0;

    if (size < 1 + count)
        return;
    const char *data = (const char *)input + 1 + count;
    feed_cut(expected, data, size - 1 - count, (Cuts){NULL, 0});
    feed_cut(expected, data, size - 1 - count, (Cuts){input + 1, count});
}
