/*
 * Log: lines on standard error, each in one piece, whoever else writes there
 * at the same time; err(3) puts its lines together from several. A line that
 * would have to wait, because nobody reads, is dropped; one over 500 bytes is
 * cut. Any thread may call these.
 */
#ifndef LOG_H
#define LOG_H

#include <stddef.h>

/* The program's name and the message: like warnx(3). */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/* The same and the reason that errno gives: like warn(3). */
__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);

/*
 * The text, lines that somebody else has put together. Up to PIPE_BUF bytes,
 * 4096, nothing else comes in between: see pipe(7).
 */
void log_text(const char *text, size_t size);

#endif
