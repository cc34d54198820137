/*
 * What the clients send: one endless stream, of which each client sends
 * another part. Any byte of it is known from its position alone, so that every
 * byte that comes back can be checked.
 */
#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>
#include <stdint.h>

/* Pieces of at most so many bytes are sent and read. */
enum { BYTES_PIECE = 256 * 1024 };

void bytes_prepare(void);

/* BYTES_PIECE bytes of the stream from this position on. */
const char *bytes_at(uint64_t position);

#endif
