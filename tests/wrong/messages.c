#include "server.h"

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

void append(Bytes *bytes, const void *data, size_t size)
{
    if (bytes->size + size > bytes->room) {
        bytes->room = 2 * (bytes->size + size);
        bytes->data = realloc(bytes->data, bytes->room);
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void consume(Bytes *bytes, size_t size)
{
    bytes->size -= size;
    memmove(bytes->data, bytes->data + size, bytes->size);
    if (bytes->size == 0 && !wrong("keeps-buffers"))
        release(bytes);
}

void release(Bytes *bytes)
{
    free(bytes->data);
    memset(bytes, 0, sizeof(*bytes));
}

static size_t longest(void)
{
    size_t limit = (size_t)settings.longest;

    if (wrong("limit-one-too-large"))
        limit++;
    return wrong("limit-one-too-small") ? limit - 1 : limit;
}

static long find_line(const char *data, size_t size, size_t scanned)
{
    const char *end = memchr(data + scanned, '\n', size - scanned);
    size_t length = end ? (size_t)(end - data) : size;

    if (!end && wrong("finds-too-long-at-the-end-only"))
        return 0;
    if (length > longest())
        return -1;
    return end ? (long)length + 1 : 0;
}

static long find_length(const char *data, size_t size)
{
    uint32_t length;

    if (size < sizeof(length))
        return wrong("trusts-a-partial-header") ? -1 : 0;
    memcpy(&length, data, sizeof(length));
    length = wrong("host-byte-order") ? length : ntohl(length);
    if (wrong("signed-length") && (int32_t)length < 0)
        return 0;
    if (wrong("length-overflow") && length + 4 < 4)
        return 4;
    if (length > longest())
        return -1;
    if (wrong("sets-memory-aside") && size < 10)
        memset(malloc(4000000), 1, 4000000);
    if (length == 0 && wrong("refuses-empty-messages"))
        return -1;
    return size >= length + 4ul ? (long)length + 4 : 0;
}

long find_message(const char *data, size_t size, size_t scanned)
{
    if (settings.framing[0] == 'r' || wrong("no-framing"))
        return (long)size;
    return settings.framing[1] == 'i' ? find_line(data, size, scanned)
                                      : find_length(data, size);
}
