#include "buffer.h"
#include "unit.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void an_empty_one_owns_nothing(void)
{
    Buffer buffer = {0};

    EXPECT_EQUAL(buffer_size(&buffer), 0);
    EXPECT(buffer.block == NULL);
    buffer_reset(&buffer);
    EXPECT_EQUAL(buffer_size(&buffer), 0);
    EXPECT_EQUAL(buffer_append(&buffer, "", 0), 0);
    EXPECT_EQUAL(buffer_size(&buffer), 0);
    buffer_consume(&buffer, 0);
    buffer_reset(&buffer);
    EXPECT(buffer.block == NULL);
}

static void first_in_first_out(void)
{
    Buffer buffer = {0};

    EXPECT_EQUAL(buffer_append(&buffer, "hello, ", 7), 0);
    EXPECT_EQUAL(buffer_append(&buffer, "world\0!", 7), 0);
    EXPECT_EQUAL(buffer_size(&buffer), 14);
    EXPECT(memcmp(buffer_front(&buffer), "hello, world\0!", 14) == 0);
    buffer_consume(&buffer, 7);
    EXPECT_EQUAL(buffer_size(&buffer), 7);
    EXPECT(memcmp(buffer_front(&buffer), "world\0!", 7) == 0);
    EXPECT_EQUAL(buffer_append(&buffer, "?", 1), 0);
    EXPECT(memcmp(buffer_front(&buffer), "world\0!?", 8) == 0);
    buffer_consume(&buffer, 8);
    EXPECT_EQUAL(buffer_size(&buffer), 0);
    buffer_reset(&buffer);
}

static void gives_memory_back(void)
{
    static char block[1 << 20];
    Buffer buffer = {0};

    EXPECT_EQUAL(buffer_append(&buffer, block, sizeof(block)), 0);
    buffer_consume(&buffer, sizeof(block) - 1);
    buffer_consume(&buffer, 1);
    EXPECT(buffer.block == NULL);
    EXPECT_EQUAL(buffer_append(&buffer, "again", 5), 0);
    EXPECT(memcmp(buffer_front(&buffer), "again", 5) == 0);
    buffer_reset(&buffer);
    EXPECT(buffer.block == NULL);
    EXPECT_EQUAL(buffer_size(&buffer), 0);
}

/* A queue that is never empty must not grow without end. */
static void room_in_front_is_used_again(void)
{
    char block[1000] = {0};
    Buffer buffer = {0};

    EXPECT_EQUAL(buffer_append(&buffer, block, sizeof(block)), 0);
    for (int turn = 0; turn < 20000; turn++) {
        EXPECT_EQUAL(buffer_append(&buffer, block, sizeof(block)), 0);
        buffer_consume(&buffer, sizeof(block));
    }
    EXPECT_EQUAL(buffer_size(&buffer), sizeof(block));
    EXPECT(buffer.block->capacity <= 64 * sizeof(block));
    buffer_reset(&buffer);
}

/* Against a plain copy of what should be inside. */
static void anything_in_any_order(void)
{
    enum { MOST = 1 << 16 };
    static unsigned char model[MOST];
    Buffer buffer = {0};
    unsigned char next = 0, piece[5000];
    size_t inside = 0;

    srand(1);
    for (int turn = 0; turn < 3000; turn++) {
        size_t size = (size_t)rand() % sizeof(piece);
        if (rand() % 2 && inside + size <= MOST) {
            for (size_t at = 0; at < size; at++)
                piece[at] = model[inside + at] = next++;
            EXPECT_EQUAL(buffer_append(&buffer, piece, size), 0);
            inside += size;
        } else {
            size = size < inside ? size : inside;
            buffer_consume(&buffer, size);
            inside -= size;
            memmove(model, model + size, inside);
        }
        EXPECT_EQUAL(buffer_size(&buffer), inside);
        if (inside > 0 && memcmp(buffer_front(&buffer), model, inside) != 0) {
            EXPECT(!"the same bytes inside");
            break;
        }
    }
    buffer_reset(&buffer);
}

static void no_memory_changes_nothing(void)
{
    Buffer buffer = {0};
    size_t too_much = SIZE_MAX / 2;

    EXPECT_EQUAL(buffer_append(&buffer, "kept", 4), 0);
    errno = 0;
    EXPECT_EQUAL(buffer_append(&buffer, buffer_front(&buffer), too_much), -1);
    EXPECT(errno != 0);
    EXPECT_EQUAL(buffer_append(&buffer, buffer_front(&buffer), SIZE_MAX - 2),
                 -1);
    EXPECT_EQUAL(buffer_size(&buffer), 4);
    EXPECT(memcmp(buffer_front(&buffer), "kept", 4) == 0);
    buffer_reset(&buffer);
}

int main(void)
{
    an_empty_one_owns_nothing();
    first_in_first_out();
    gives_memory_back();
    room_in_front_is_used_again();
    anything_in_any_order();
    no_memory_changes_nothing();
    return unit_result();
}
