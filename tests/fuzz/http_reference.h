/*
 * What http_server should answer, told a second time and in another way: line
 * by line in copies, from RFC 9110 and 9112 and from the contract. It is slow
 * and simple, and shares nothing with the server.
 *
 * The longest head is shorter than the server's, so that short inputs reach
 * it; the codec is told.
 */
#ifndef HTTP_REFERENCE_H
#define HTTP_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { HTTP_LONGEST_HEAD = 300 };

typedef struct Answer {
    int status; /* 0: none, for an empty line before a request */
    bool has_body;
    const char *connection; /* the value of that field; NULL: no such field */
} Answer;

/*
 * Where the message ends with which data begins, a head or a first line that
 * is wrong; 0: not yet; -1: too long.
 */
ssize_t http_reference_find(const char *data, size_t size);

/* The answer to such a message. */
Answer http_reference_answer(const char *head, size_t size);

#endif
