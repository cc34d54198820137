#include "codec.h"
#include "unit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static long find(Codec codec, const char *data, size_t size, size_t scanned)
{
    return codec.find(data, size, scanned, codec.longest);
}

static void raw_takes_what_there_is(void)
{
    char data[100000] = {0};

    EXPECT_EQUAL(find(codec_raw(), "x", 1, 0), 1);
    EXPECT_EQUAL(find(codec_raw(), "a\nb", 3, 0), 3);
    EXPECT_EQUAL(find(codec_raw(), data, sizeof(data), 0), sizeof(data));
}

static void line_ends_at_the_newline(void)
{
    Codec line = codec_line(5);

    EXPECT_EQUAL(find(line, "\n", 1, 0), 1);
    EXPECT_EQUAL(find(line, "a", 1, 0), CODEC_NOT_YET);
    EXPECT_EQUAL(find(line, "ab\ncd\n", 6, 0), 3);
    EXPECT_EQUAL(find(line, "a\0b\n", 4, 0), 4);
    EXPECT_EQUAL(find(line, "a\r\n", 3, 0), 3);
}

static void line_limit_is_of_the_payload(void)
{
    Codec line = codec_line(5);

    EXPECT_EQUAL(find(line, "12345\n", 6, 0), 6);
    EXPECT_EQUAL(find(line, "12345", 5, 0), CODEC_NOT_YET);
    EXPECT_EQUAL(find(line, "123456", 6, 0), CODEC_TOO_LONG);
    EXPECT_EQUAL(find(line, "123456\n", 7, 0), CODEC_TOO_LONG);
    EXPECT_EQUAL(find(line, "1\n23456789", 10, 0), 2);
    EXPECT_EQUAL(find(codec_line(1), "1\n", 2, 0), 2);
    EXPECT_EQUAL(find(codec_line(1), "12", 2, 0), CODEC_TOO_LONG);
}

/* What was seen before is not looked at again, and nothing is skipped. */
static void line_goes_on_where_it_was(void)
{
    Codec line = codec_line(100);

    for (size_t newline = 0; newline < 20; newline++) {
        char data[20];
        memset(data, 'x', sizeof(data));
        data[newline] = '\n';
        for (size_t seen = 0; seen <= newline; seen++)
            EXPECT_EQUAL(find(line, data, sizeof(data), seen), newline + 1);
    }
}

static void length_of_every_kind(void)
{
    Codec length = codec_length(1000);
    char data[1004] = {0, 0, 3, (char)0xe8};

    EXPECT_EQUAL(find(length, data, 1004, 0), 1004);
    EXPECT_EQUAL(find(length, data, 1003, 4), CODEC_NOT_YET);
    EXPECT_EQUAL(find(length, data, 4, 3), CODEC_NOT_YET);
    for (size_t size = 1; size < 4; size++)
        EXPECT_EQUAL(find(length, data, size, 0), CODEC_NOT_YET);
    EXPECT_EQUAL(find(length, "\0\0\0\0", 4, 0), 4);
    EXPECT_EQUAL(find(length, "\0\0\0\0\0\0\0\1x", 9, 0), 4);
    EXPECT_EQUAL(find(length, "\0\0\0\1xy", 6, 0), 5);
}

/*
 * Fewer than four bytes say nothing yet, whatever the length would be and
 * whatever stands behind them in memory. A fourth byte tells.
 */
static void length_with_a_part_of_its_header(void)
{
    static const char data[][8] = {
        {0, 0, 0, 0, 'a', 'b', 'c', 'd'},
        {0, 0, 0, 1, 'a', 'b', 'c', 'd'},
        {0, 0, 3, (char)0xe8, 'a', 'b', 'c', 'd'},
        {(char)0xff, (char)0xff, (char)0xff, (char)0xff, 'a', 'b', 'c', 'd'},
    };
    Codec length = codec_length(1000);

    for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++)
        for (size_t size = 1; size < 4; size++)
            for (size_t seen = 0; seen < size; seen++) {
                char *copy = malloc(size); /* valgrind sees a byte too many */
                memcpy(copy, data[i], size);
                EXPECT_EQUAL(find(length, data[i], size, seen), CODEC_NOT_YET);
                EXPECT_EQUAL(find(length, copy, size, seen), CODEC_NOT_YET);
                free(copy);
            }
    EXPECT_EQUAL(find(length, data[0], 4, 3), 4);
    EXPECT_EQUAL(find(length, data[1], 4, 3), CODEC_NOT_YET);
    EXPECT_EQUAL(find(length, data[1], 5, 4), 5);
    EXPECT_EQUAL(find(length, data[3], 4, 3), CODEC_TOO_LONG);
}

static void length_too_long(void)
{
    EXPECT_EQUAL(find(codec_length(1000), "\0\0\3\xe9", 4, 0), CODEC_TOO_LONG);
    EXPECT_EQUAL(find(codec_length(1000), "\xff\xff\xff\xff", 4, 0),
                 CODEC_TOO_LONG);
    EXPECT_EQUAL(find(codec_length(1000), "\x80\0\0\0", 4, 0), CODEC_TOO_LONG);
    EXPECT_EQUAL(find(codec_length(1), "\xff\xff\xff\xfc", 4, 0),
                 CODEC_TOO_LONG);
    EXPECT_EQUAL(find(codec_length(1 << 30), "\x40\0\0\1", 4, 0),
                 CODEC_TOO_LONG);
    EXPECT_EQUAL(find(codec_length(1 << 30), "\x40\0\0\0", 4, 0),
                 CODEC_NOT_YET);
}

/* The bytes may lie at any address, and nothing behind them may be read. */
static void at_any_address(void)
{
    for (size_t shift = 0; shift < 8; shift++) {
        char *data = malloc(shift + 6);
        if (data == NULL)
            return;
        memcpy(data + shift, "\0\0\0\2ab", 6);
        EXPECT_EQUAL(find(codec_length(10), data + shift, 6, 0), 6);
        EXPECT_EQUAL(find(codec_length(10), data + shift, 3, 0), CODEC_NOT_YET);
        memcpy(data + shift, "abcdef", 6);
        EXPECT_EQUAL(find(codec_line(10), data + shift, 6, 0), CODEC_NOT_YET);
        free(data);
    }
}

int main(void)
{
    raw_takes_what_there_is();
    line_ends_at_the_newline();
    line_limit_is_of_the_payload();
    line_goes_on_where_it_was();
    length_of_every_kind();
    length_with_a_part_of_its_header();
    length_too_long();
    at_any_address();
    return unit_result();
}
