#include "buffer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 256, BIG = 64 * 1024 };

/*
 * Twice what is needed, so that appending byte by byte copies each byte a
 * bounded number of times; 0 when that is more than a size_t can say.
 */
static size_t roomy(size_t needed)
{
    if (needed > SIZE_MAX / 2)
        return 0;
    return needed < SMALLEST / 2 ? SMALLEST : needed * 2;
}

static int grow(Buffer *buffer, size_t needed)
{
    size_t capacity = buffer->data == NULL ? needed : roomy(needed);
    char *data = NULL;

    if (capacity != 0)
        data = malloc(capacity);
    if (data == NULL) {
        errno = ENOMEM;
        return -1;
    }
    size_t size = buffer_size(buffer);
    if (size > 0)
        memcpy(data, buffer_front(buffer), size);
    free(buffer->data);
    *buffer = (Buffer){data, 0, size, capacity};
    return 0;
}

/*
 * Makes room for extra bytes at the end. The bytes inside are moved to the
 * front only when they fill at most half of the memory: then the next move
 * is at least as many bytes away as this one costs.
 */
static int reserve(Buffer *buffer, size_t extra)
{
    size_t size = buffer_size(buffer);

    if (extra <= buffer->capacity - buffer->end)
        return 0;
    if (size <= buffer->capacity / 2 && extra <= buffer->capacity - size) {
        memmove(buffer->data, buffer_front(buffer), size);
        buffer->begin = 0;
        buffer->end = size;
        return 0;
    }
    if (extra > SIZE_MAX - size) {
        errno = ENOMEM;
        return -1;
    }
    return grow(buffer, size + extra);
}

int buffer_append(Buffer *buffer, const void *bytes, size_t size)
{
    if (size == 0)
        return 0;
    if (reserve(buffer, size) < 0)
        return -1;
    memcpy(buffer->data + buffer->end, bytes, size);
    buffer->end += size;
    return 0;
}

/* A few bytes that are left do not keep the memory of many. */
static void shrink(Buffer *buffer)
{
    size_t size = buffer_size(buffer);
    char *data = malloc(size);

    if (data == NULL)
        return;
    memcpy(data, buffer_front(buffer), size);
    free(buffer->data);
    buffer->data = data;
    buffer->begin = 0;
    buffer->end = size;
    buffer->capacity = size;
}

void buffer_consume(Buffer *buffer, size_t size)
{
    buffer->begin += size;
    if (buffer->begin == buffer->end)
        buffer_reset(buffer);
    else if (buffer->capacity > BIG &&
             buffer_size(buffer) < buffer->capacity / 4)
        shrink(buffer);
}

void buffer_reset(Buffer *buffer)
{
    free(buffer->data);
    *buffer = (Buffer){0};
}
