/*
 * What all peers share, so that each shows only what its library is about:
 * the command line, the listening socket and the ready line.
 */
#ifndef START_H
#define START_H

/* At this much unsent output a peer stops reading from that client. */
enum { HIGH_WATER = 1024 * 1024 };

/*
 * Takes `-p PORT` and, where threads is not NULL, `-t THREADS`. Returns a
 * non-blocking socket that listens on 127.0.0.1, or ends the program.
 */
int start_listening(int argc, char **argv, int *threads);

/* Says on standard output where clients can connect. */
void start_announce(int listener);

#endif
