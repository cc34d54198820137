/*
 * Buffer against the simplest queue there is: the numbers of the first and
 * the last byte inside. Byte n of all that are appended has a value that
 * follows from n.
 *
 * An input is a list of steps of two bytes: what to do, and to how many bytes.
 */
#include "buffer.h"
#include "feed.h"

#include <string.h>

/* The values repeat after a prime number of bytes, which no bug fits. */
enum { PERIOD = 251, MOST = 1 << 18 };
static char values[MOST + PERIOD];

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

typedef struct Queue {
    size_t first;
    size_t last;
} Queue;

static void append(Buffer *buffer, Queue *queue, size_t size)
{
    if (size > MOST - (queue->last - queue->first))
        return;
    if (buffer_append(buffer, values + queue->last % PERIOD, size) < 0)
        wrong("no memory for %zu bytes", size);
    queue->last += size;
}

static void consume(Buffer *buffer, Queue *queue, size_t size)
{
    size_t inside = queue->last - queue->first;

    size = size < inside ? size : inside;
    buffer_consume(buffer, size);
    queue->first += size;
}

static void expect(const Buffer *buffer, const Queue *queue)
{
    size_t size = queue->last - queue->first;

    if (buffer_size(buffer) != size)
        wrong("it says %zu bytes, expected %zu", buffer_size(buffer), size);
    if (size == 0 && !buffer_is_empty(buffer))
        wrong("an empty buffer owns memory");
    if (size > 0 &&
        memcmp(buffer_front(buffer), values + queue->first % PERIOD, size) != 0)
        wrong("%zu bytes that are not those appended", size);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    for (size_t at = 0; at < sizeof(values); at++)
        values[at] = (char)(at % PERIOD);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    Buffer buffer = {0};
    Queue queue = {0};

    for (size_t at = 0; at + 2 <= size; at += 2) {
        size_t bytes = (size_t)input[at + 1] << (input[at] >> 2) % 11;
        switch (input[at] & 3) {
        case 0:
        case 1: append(&buffer, &queue, bytes); break;
        case 2: consume(&buffer, &queue, bytes); break;
        default: buffer_reset(&buffer); queue.first = queue.last;
        }
        expect(&buffer, &queue);
    }
    buffer_reset(&buffer);
    return 0;
}
