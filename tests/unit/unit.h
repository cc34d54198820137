/*
 * The few lines that a unit check needs. A check is a function; EXPECT notes
 * what does not hold and goes on. The program ends with 0 when all held.
 */
#ifndef UNIT_H
#define UNIT_H

#include <stdio.h>

static int unit_failures;

#define EXPECT(truth)                                                       \
    do {                                                                    \
        if (!(truth)) {                                                     \
            unit_failures++;                                                \
            fprintf(stderr, "%s:%d: %s: expected %s\n", __FILE__, __LINE__, \
                    __func__, #truth);                                      \
        }                                                                   \
    } while (0)

#define EXPECT_EQUAL(is, should)                                              \
    do {                                                                      \
        long long unit_is = (long long)(is);                                  \
        long long unit_should = (long long)(should);                          \
        if (unit_is != unit_should) {                                         \
            unit_failures++;                                                  \
            fprintf(stderr, "%s:%d: %s: %s is %lld, expected %lld\n",         \
                    __FILE__, __LINE__, __func__, #is, unit_is, unit_should); \
        }                                                                     \
    } while (0)

static inline int unit_result(void)
{
    return unit_failures != 0;
}

#endif
