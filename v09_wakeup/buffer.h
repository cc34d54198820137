/*
 * Buffer: a queue of bytes that grows. Bytes are appended at the end and
 * consumed from the front. The bytes inside lie in one piece.
 *
 * The holder of the struct owns the buffer. {0} is an empty buffer, and an
 * empty buffer owns no memory: so idle connections cost nothing here. A buffer
 * has no lock: only one thread at a time may use it.
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Block {
    size_t begin; /* where the bytes inside begin; never equal to end */
    size_t end;
    size_t capacity;
    char data[];
} Block;

typedef struct Buffer {
    Block *block; /* NULL: the buffer is empty */
} Buffer;

static inline bool buffer_is_empty(const Buffer *buffer)
{
    return buffer->block == NULL;
}

/* Return how many bytes are inside. */
static inline size_t buffer_size(const Buffer *buffer)
{
    const Block *block = buffer->block;

    return block == NULL ? 0 : block->end - block->begin;
}

/*
 * Return the first byte inside. The buffer must not be empty. The pointer is
 * valid until the next append, consume or reset.
 */
static inline const char *buffer_front(const Buffer *buffer)
{
    return buffer->block->data + buffer->block->begin;
}

/*
 * Copy bytes to the end. They must not lie in the buffer itself. Return 0, or
 * -1 with errno set when there is no memory; then nothing has changed.
 */
int buffer_append(Buffer *buffer, const void *bytes, size_t size);

/* Drop size bytes from the front; at least so many must be inside. */
void buffer_consume(Buffer *buffer, size_t size);

/* Drop all bytes and free the memory. */
void buffer_reset(Buffer *buffer);

#endif
