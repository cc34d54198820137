/*
 * The framings of echo_server. An input is a letter for the framing, `a` for
 * raw, `i` for line or `e` for length, then the longest payload, counted from
 * '0' for 1, then what feed.h says.
 */
#include "feed.h"

static size_t limit;

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* A payload over the limit is too long, whether or not its end has come. */
static ssize_t find_line(const char *data, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        if (data[at] == '\n')
            return (ssize_t)at + 1;
        if (at == limit)
            return CODEC_TOO_LONG;
    }
    return CODEC_NOT_YET;
}

static ssize_t find_length(const char *data, size_t size)
{
    uint64_t length = 0;

    if (size < 4)
        return CODEC_NOT_YET;
    for (int at = 0; at < 4; at++)
        length = length * 256 + (uint8_t)data[at];
    if (length > limit)
        return CODEC_TOO_LONG;
    return 4 + length <= size ? (ssize_t)(4 + length) : CODEC_NOT_YET;
}

static bool go_on(const char *data, size_t size)
{
    (void)data;
    (void)size;
    return true;
}

static void note_nothing(void)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    Expected expected = {.on_message = go_on, .on_too_long = note_nothing};

    if (size < 2)
        return 0;
    limit = 1 + (uint8_t)(input[1] - '0');
    switch (input[0] % 3) {
    case 'a' % 3: expected.codec = codec_raw(); break;
    case 'i' % 3:
        expected.codec = codec_line(limit);
        expected.find = find_line;
        break;
    default: expected.codec = codec_length(limit); expected.find = find_length;
    }
    feed(&expected, input + 2, size - 2);
    return 0;
}
