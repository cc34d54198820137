/*
 * Buffer: a growable queue of bytes. Bytes go in at the end and are taken
 * from the front; what is inside lies in one piece.
 *
 * A Buffer belongs to whoever holds the struct. {0} is an empty one, and an
 * empty one owns no memory: ten thousand idle connections cost nothing here.
 * It knows nothing of threads: one at a time.
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Block {
    size_t begin; /* of what is inside; never equal to end */
    size_t end;
    size_t capacity;
    char data[];
} Block;

typedef struct Buffer {
    Block *block; /* NULL: it is empty */
} Buffer;

static inline bool buffer_is_empty(const Buffer *buffer)
{
    return buffer->block == NULL;
}

/* How many bytes are inside. */
static inline size_t buffer_size(const Buffer *buffer)
{
    const Block *block = buffer->block;

    return block == NULL ? 0 : block->end - block->begin;
}

/*
 * The first byte inside, of a buffer that is not empty; valid until the next
 * append, consume or reset.
 */
static inline const char *buffer_front(const Buffer *buffer)
{
    return buffer->block->data + buffer->block->begin;
}

/*
 * Copies size bytes in at the end. Returns 0, or -1 with errno set when there
 * is no memory; then nothing has changed. The bytes may not be the buffer's
 * own.
 */
int buffer_append(Buffer *buffer, const void *bytes, size_t size);

/* Drops size bytes, no more than are inside, from the front. */
void buffer_consume(Buffer *buffer, size_t size);

/* Drops all bytes and gives the memory back. */
void buffer_reset(Buffer *buffer);

#endif
