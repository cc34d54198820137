#include "buffer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 256, BIG = 64 * 1024 };

/* Twice as many bytes still fit into a size_t. */
static const size_t most = (SIZE_MAX - sizeof(Block)) / 2;

/* Move the bytes to a new block. Return 0, or -1 without memory. */
static int move(Buffer *buffer, size_t capacity)
{
    size_t size = buffer_size(buffer);
    Block *block = malloc(sizeof(*block) + capacity);

    if (block == NULL)
        return -1;
    if (size > 0)
        memcpy(block->data, buffer_front(buffer), size);
    free(buffer->block);
    block->begin = 0;
    block->end = size;
    block->capacity = capacity;
    buffer->block = block;
    return 0;
}

/*
 * Take twice the memory that is needed: then appending byte by byte copies
 * each byte only a few times. The first bytes are often the only ones, so
 * they get no more than they need.
 */
static int grow(Buffer *buffer, size_t extra)
{
    size_t size = buffer_size(buffer);

    if (extra > most - size) {
        errno = ENOMEM;
        return -1;
    }
    if (size == 0)
        return move(buffer, extra);
    size_t capacity = (size + extra) * 2;
    return move(buffer, capacity < SMALLEST ? SMALLEST : capacity);
}

/*
 * Make room for extra bytes at the end. Bytes are moved to the front only if
 * they fill at most half of the block: then the room that this wins is at
 * least as large as what it copies.
 */
static int reserve(Buffer *buffer, size_t extra)
{
    Block *block = buffer->block;
    size_t size = buffer_size(buffer);

    if (block == NULL || extra > block->capacity - size)
        return grow(buffer, extra);
    if (extra <= block->capacity - block->end)
        return 0;
    if (size > block->capacity / 2)
        return grow(buffer, extra);
    memmove(block->data, buffer_front(buffer), size);
    block->begin = 0;
    block->end = size;
    return 0;
}

int buffer_append(Buffer *buffer, const void *bytes, size_t size)
{
    if (size == 0)
        return 0;
    if (reserve(buffer, size) < 0)
        return -1;
    memcpy(buffer->block->data + buffer->block->end, bytes, size);
    buffer->block->end += size;
    return 0;
}

/* A few bytes must not keep a large block: move them to a small one. */
void buffer_consume(Buffer *buffer, size_t size)
{
    Block *block = buffer->block;

    if (size == 0)
        return;
    block->begin += size;
    if (block->begin == block->end)
        buffer_reset(buffer);
    else if (block->capacity > BIG && buffer_size(buffer) < block->capacity / 4)
        move(buffer, buffer_size(buffer)); /* or stay, if there is no memory */
}

void buffer_reset(Buffer *buffer)
{
    free(buffer->block);
    buffer->block = NULL;
}
