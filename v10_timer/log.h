/*
 * Log: lines on standard error, each in one piece, whoever else writes there
 * at the same time; err(3) puts its lines together from several. A line that
 * would have to wait, because nobody reads, is dropped; one over 500 bytes is
 * cut. Any thread may call these.
 */
#ifndef LOG_H
#define LOG_H

/* The program's name and the message: like warnx(3). */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/* The same and the reason that errno gives: like warn(3). */
__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);

#endif
