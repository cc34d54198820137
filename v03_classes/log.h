/*
 * Log: messages on standard error, one line each, beginning with the
 * program's name. A line goes out whole or is dropped: the log never waits for
 * whoever reads it. A control character in a message is printed as '?', so
 * that a message stays one line. A message over 500 bytes is cut.
 *
 * The log opens a second descriptor for standard output and one for standard
 * error, and closes both at exit(3). Any thread may call these functions. None
 * of them changes errno, except log_write.
 */
#ifndef LOG_H
#define LOG_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Open /dev/null for each of the descriptors 0, 1 and 2 that is closed. Open
 * standard output and standard error a second time, non-blocking, so that a
 * slow reader does not stop the server. Called by options_parse, before the
 * program opens any other descriptor or creates a thread.
 */
void log_open(void);

/* Print the message: like warnx(3). */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/* Print the message and the reason that errno gives: like warn(3). */
__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);

/*
 * Write to standard output or standard error without waiting. Return how many
 * bytes were written, or -1 with errno set; EAGAIN: there is no room now.
 */
ssize_t log_write(int fd, const char *text, size_t size);

#endif
