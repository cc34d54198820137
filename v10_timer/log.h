/*
 * Log: lines on standard error, each in one piece, whichever threads write
 * at once; err(3) puts its lines together from several. Any thread may call
 * these. A line over 500 bytes is cut.
 */
#ifndef LOG_H
#define LOG_H

/* The program's name and the message: like warnx(3). */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/* The same and the reason that errno gives: like warn(3). */
__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);

#endif
