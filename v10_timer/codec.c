#include "codec.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

static ssize_t find_raw(const char *data, size_t size, size_t scanned,
                        size_t longest)
{
    (void)data;
    (void)scanned;
    (void)longest;
    return (ssize_t)size;
}

Codec codec_raw(void)
{
    return (Codec){find_raw, CODEC_RAW_LONGEST};
}

static ssize_t find_line(const char *data, size_t size, size_t scanned,
                         size_t longest)
{
    size_t end = size < longest ? size : longest;
    const char *newline = memchr(data + scanned, '\n', end - scanned);

    if (newline != NULL)
        return newline - data + 1;
    return end == longest ? CODEC_TOO_LONG : CODEC_NOT_YET;
}

Codec codec_line(size_t limit)
{
    return (Codec){find_line, limit + 1};
}

static ssize_t find_length(const char *data, size_t size, size_t scanned,
                           size_t longest)
{
    uint32_t payload;

    (void)scanned;
    if (size < sizeof(payload))
        return CODEC_NOT_YET;
    memcpy(&payload, data, sizeof(payload)); /* data may be unaligned */
    if (ntohl(payload) > longest - sizeof(payload))
        return CODEC_TOO_LONG;
    size_t length = sizeof(payload) + ntohl(payload);
    return length <= size ? (ssize_t)length : CODEC_NOT_YET;
}

Codec codec_length(size_t limit)
{
    return (Codec){find_length, limit + sizeof(uint32_t)};
}
